"""Gathers the stack file and all that it includes into one set of definitions."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from stackyard.errors import InputError, OutsideError, Position
from stackyard.stack.check import check
from stackyard.stack.document import MappingNode, Node, ScalarNode, SequenceNode, read_document
from stackyard.stack.paths import PathError, inside, normalised
from stackyard.stack.problems import Problems
from stackyard.stack.source import Fragment, StackSource

MAX_FILES = 5_000
_ONE = {"vars": "variable", "variants": "variant", "layers": "layer", "images": "image"}
_RENDERED = {*StackSource.own, StackSource.shared}
_WILD = re.compile(r"[*?\[]")


@dataclass(frozen=True, slots=True)
class Definition:
    """One variable, variant, layer or image, as written.

    Attributes:
        where: of its name.
        folder: of the file it is written in, relative to the root.
    """

    node: Node
    where: Position
    folder: PurePosixPath


@dataclass(slots=True)
class Gathered:
    """Everything that the files define, in the order written.

    Attributes:
        root: the stack file's folder, resolved.
        shown: that folder as messages call it.
        top: the stack file itself.
        whole: whether every included file could be read.
    """

    root: Path
    shown: Path
    top: MappingNode
    vars: dict[str, Definition] = field(default_factory=dict)
    variants: dict[str, Definition] = field(default_factory=dict)
    layers: dict[str, Definition] = field(default_factory=dict)
    images: dict[str, Definition] = field(default_factory=dict)
    whole: bool = True


def gather(path: Path, problems: Problems) -> Gathered:
    """Read a stack file and its includes.

    Raises:
        InputError: the stack file itself cannot be read or is not YAML.
        OutsideError: the disk failed.
    """
    try:
        root = path.parent.resolve(strict=True)
    except (OSError, RuntimeError):
        hint = "run 'stackyard init', or name another file"
        raise InputError("there is no such file", where=Position(str(path)), hint=hint) from None
    top = read_document(path, str(path))
    gathered = Gathered(root, path.parent, top)
    _Gatherer(gathered, problems).add_stack(path.name, top)
    return gathered


class _Gatherer:
    """Adds file after file; `_seen` tells where each was first asked for."""

    def __init__(self, gathered: Gathered, problems: Problems) -> None:
        self._gathered = gathered
        self._problems = problems
        self._seen: dict[str, Position] = {}
        self._names: dict[tuple[str, str], str] = {}

    def add_stack(self, name: str, top: MappingNode) -> None:
        self._seen[name] = top.where
        # What may hold templates is checked when it is rendered.
        entries = {k: v for k, v in top.entries.items() if k not in _RENDERED}
        rest = MappingNode(top.where, entries, top.keys)
        check(StackSource[Any, Any], rest, "", self._problems)
        self._sections(top, PurePosixPath())
        self._includes(top, PurePosixPath(), (name,))

    def _add(self, relative: str, where: Position, via: tuple[str, ...]) -> None:
        if relative in via:
            self._fail(where, "includes itself: " + " → ".join((*via, relative)))
        elif relative in self._seen:
            message = f"{relative} is included twice; first in {self._seen[relative]}"
            self._fail(where, message, "include it once")
        elif len(self._seen) >= MAX_FILES:
            self._fail(where, f"more than {MAX_FILES} files")
        else:
            self._seen[relative] = where
            name = str(self._gathered.shown / relative)
            try:
                document = read_document(self._gathered.root / relative, name)
            except OutsideError:
                raise
            except InputError as error:
                self._gathered.whole = False
                self._problems.add(error.where or where, error.message, error.hint)
                return
            check(Fragment[Any, Any], document, "", self._problems)
            folder = PurePosixPath(relative).parent
            self._sections(document, folder)
            self._includes(document, folder, (*via, relative))

    def _includes(self, document: MappingNode, folder: PurePosixPath, via: tuple[str, ...]) -> None:
        node = document.entries.get("include")
        patterns = node.items if isinstance(node, SequenceNode) else (node,)
        for pattern in patterns:
            if not isinstance(pattern, ScalarNode) or not pattern.text:
                continue  # told by the check of the file's shape
            try:
                for relative in self._matches(folder, pattern.text):
                    self._add(relative, pattern.where, via)
            except PathError as error:
                self._fail(pattern.where, error.message, error.hint)

    def _matches(self, folder: PurePosixPath, pattern: str) -> Iterator[str]:
        """Files of a glob, sorted; a glob may match none, but its folder must be there."""
        root = self._gathered.root
        relative = normalised(folder, pattern)
        wild = _WILD.search(relative)
        if wild is None:
            yield inside(root, PurePosixPath(), relative)
            return
        inside(root, PurePosixPath(), relative[: wild.start()].rpartition("/")[0] or ".")
        if relative.count("**") > 1:
            raise PathError(f"{pattern!r} has more than one '**'")
        try:
            found = sorted(path.relative_to(root).as_posix() for path in root.glob(relative))
        except (OSError, ValueError, NotImplementedError) as error:
            raise PathError(f"{pattern!r} is not a glob: {error}") from None
        for name in found:
            if not any(part.startswith(".") for part in PurePosixPath(name).parts):
                yield inside(root, PurePosixPath(), name)

    def _sections(self, document: MappingNode, folder: PurePosixPath) -> None:
        for section in Fragment.sections:
            node = document.entries.get(section)
            if isinstance(node, MappingNode):
                known = getattr(self._gathered, section)
                for name, value in node.entries.items():
                    self._define(section, known, name, Definition(value, node.keys[name], folder))

    def _define(
        self, section: str, known: dict[str, Definition], name: str, definition: Definition
    ) -> None:
        apart = name if section in {"vars", "variants"} else normal_name(name)
        other = self._names.setdefault((section, apart), name)
        if other not in known:
            known[name] = definition
            return
        first = known[other].where
        kind = _ONE[section]
        if other == name:
            message = f"the {kind} {name!r} is here twice; first in {first}"
        else:
            message = f"the {kind}s {name!r} and {other!r} are too alike; the other is in {first}"
        self._problems.add(definition.where, message, "rename or remove one")

    def _fail(self, where: Position, message: str, hint: str | None = None) -> None:
        self._gathered.whole = False
        self._problems.add(where, f"include: {message}", hint)


def normal_name(name: str) -> str:
    """A name with runs of ``-_.`` as one ``-`` (PEP 503): equal ones would clash."""
    return re.sub(r"[-_.]+", "-", name).lower()
