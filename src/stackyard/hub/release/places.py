"""Where in a HelmRelease's text something can be put."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import NoReturn

from stackyard.errors import InputError
from stackyard.hub.documents.yamltree import Items, Keys, Node, Scalar, Use, value
from stackyard.hub.release.find import Release
from stackyard.hub.release.lines import Lines, Splice, content_end

BY_HAND = "make the change by hand"
_DASH = re.compile(r"( *)- +")


@dataclass(frozen=True)
class Places:
    """Finds places in the text of a release.

    Every method raises InputError where the text is written in a way in which a change of
    lines would not be a change of just that entry.
    """

    release: Release

    @cached_property
    def lines(self) -> Lines:
        """The file's lines."""
        return Lines(self.release.tree.text)

    @cached_property
    def spec(self) -> tuple[Scalar, Keys]:
        """The key `spec` and its mapping."""
        return self.direct(self.release.keys, "spec")

    def direct(self, keys: Keys, name: str) -> tuple[Scalar, Keys]:
        """A mapping in block style that stands in its place itself, not by an alias."""
        key, node = self.own(keys, name)
        if not isinstance(node, Keys):
            self.refuse(node, f"{name} is no mapping of its own")
        if node.flow:
            self.refuse(node, f"{name} is written in braces")
        return key, node

    def own(self, keys: Keys, name: str) -> tuple[Scalar, Node]:
        """A key that stands in a mapping itself, and its value as it is written."""
        found = keys.entry(name)
        if found is None:
            self.refuse(keys, f"{name} comes from a merged mapping")
        if isinstance(found[1], Use):
            self.refuse(found[1], f"{name} is an alias")
        return found

    def column(self, key: Scalar) -> int:
        """How far a key is indented, which is the first word of its line."""
        before = self.lines.text[self.lines.start(key.start) : key.start]
        # Spaces, or the dash of a list's item whose first key it is.
        if before.strip(" ") and not _DASH.fullmatch(before):
            self.refuse(key, f"{key.text} is not the first word of its line")
        return len(before)

    def set(self, path: tuple[str, ...], text: str, after: tuple[str, ...]) -> Iterator[Splice]:
        """A value of the spec, put in after the first of these entries if it is missing."""
        _, keys = self.spec
        for name in path[:-1]:
            _, keys = self.direct(keys, name)
        if keys.entry(path[-1]):
            yield self.replaced(keys, path[-1], text)
        else:
            yield self._inserted([f"{path[-1]}: {text}"], after)

    def replaced(self, keys: Keys, name: str, text: str) -> Splice:
        """A single value, its quotes kept."""
        found = keys.entry(name)
        node = found and found[1]
        if isinstance(node, Use):
            return Splice(node.start, node.end, text)
        if not isinstance(node, Scalar) or node.anchor or node.tag or node.style in {"|", ">"}:
            self.refuse(node or keys, f"{name} is not written as a single plain value")
        if node.start == node.end:
            return Splice(node.start, node.end, f" {text}")
        return Splice(node.start, node.end, f"{node.style}{text}{node.style}")

    def appended(self, name: str, entry: Mapping[str, str]) -> Iterator[Splice]:
        """An entry at the end of a list of the spec, which is made if it is not there."""
        _, spec = self.spec
        found = spec.entry(name)
        if found is None:
            yield self._inserted([f"{name}:", *_item(entry, 2)], self._before("values"))
            return
        key, node = self.own(spec, name)
        if isinstance(node, Items) and node.items:
            yield self._behind(key, node, entry)
        elif isinstance(node, Items) or (isinstance(node, Scalar) and value(node) is None):
            yield from self._filled(key, node, entry)
        else:
            self.refuse(node, f"{name} is no list")

    def _behind(self, key: Scalar, node: Items, entry: Mapping[str, str]) -> Splice:
        last = node.items[-1]
        if node.flow:
            end = content_end(last, self.lines.text)
            told = ", ".join(f"{name}: {text}" for name, text in entry.items())
            return Splice(end, end, f", {{{told}}}")
        before = self.lines.text[self.lines.start(last.start) : last.start]
        dash = _DASH.fullmatch(before)
        if not dash:
            self.refuse(last, f"the last entry of {key.text} does not stand behind its own dash")
        column = len(dash[1])
        indent = " " * (column - self.column(self._first_key))
        lines = [f"{indent}{line}" for line in _item(entry, 0)]
        return self._at(self.lines.block_end(node, column), lines)

    def _filled(self, key: Scalar, node: Node, entry: Mapping[str, str]) -> Iterator[Splice]:
        """The first entry of a list that is there, but empty."""
        if node.anchor or (isinstance(node, Scalar) and node.tag):
            self.refuse(node, f"{key.text} has an anchor or a tag")
        text = self.lines.text
        start = len(text[: node.start].rstrip(" \t"))
        if "\n" in text[start : node.end]:
            self.refuse(node, f"{key.text} is an empty list over several lines")
        yield Splice(start, node.end)
        yield self._at(self.lines.end(node.end), _item(entry, 2))

    def _inserted(self, lines: list[str], after: tuple[str, ...]) -> Splice:
        key, spec = self.spec
        named = next((entry for entry in (spec.entry(name) for name in after) if entry), None)
        if named is None:
            return self._at(self.lines.end(key.end), lines)
        return self._at(self.lines.block_end(named[1], self.column(named[0])), lines)

    def _before(self, name: str) -> tuple[str, ...]:
        """The entry above one of the spec, or the last one."""
        _, spec = self.spec
        names = [key.text for key, _ in spec.entries]
        place = names.index(name) if name in names else len(names)
        return (names[place - 1],) if place else ()

    @property
    def _first_key(self) -> Scalar:
        return self.spec[1].entries[0][0]

    def _at(self, offset: int, lines: list[str]) -> Splice:
        indent = " " * self.column(self._first_key)
        return self.lines.insertion(offset, [f"{indent}{line}" for line in lines])

    def refuse(self, node: Node, why: str) -> NoReturn:
        """Say why the file is not edited.

        Raises:
            InputError: always.
        """
        raise InputError(
            f"editing the HelmRelease: {why}, which is not edited here",
            where=self.release.at(node),
            hint=BY_HAND,
        )


def _item(entry: Mapping[str, str], indent: int) -> list[str]:
    starts = ("- ", *["  "] * (len(entry) - 1))
    told = zip(starts, entry.items(), strict=True)
    return [f"{' ' * indent}{start}{name}: {text}" for start, (name, text) in told]
