"""YAML that others wrote, as nodes that know where in the text they stand."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from stackyard.errors import Position
from stackyard.hub.documents.yamlscalars import resolved


@dataclass(frozen=True, slots=True, eq=False)
class Scalar:
    """One value. `start` and `end` are offsets in the text, anchor and tag included."""

    start: int
    end: int
    text: str
    style: str = ""
    anchor: str | None = None
    tag: str | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Items:
    """A list; `flow` says whether it is written in brackets."""

    start: int
    end: int
    items: tuple[Node, ...]
    flow: bool
    anchor: str | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Keys:
    """A mapping: its keys and values in the order written."""

    start: int
    end: int
    entries: tuple[tuple[Scalar, Node], ...]
    flow: bool
    anchor: str | None = None

    def get(self, name: str) -> Node | None:
        """The value of a key, its own or one merged by ``<<``; aliases are followed."""
        if found := self.entry(name):
            return target(found[1])
        merged = (value for key, value in self.entries if is_merge(key))
        for source in (target(node) for node in merged):
            for each in source.items if isinstance(source, Items) else (source,):
                mapping = target(each)
                if isinstance(mapping, Keys) and (found_there := mapping.get(name)):
                    return found_there
        return None

    def entry(self, name: str) -> tuple[Scalar, Node] | None:
        """A key and its value as they are written."""
        return next((entry for entry in self.entries if entry[0].text == name), None)


@dataclass(frozen=True, slots=True, eq=False)
class Use:
    """An alias, and the node that it stands for."""

    start: int
    end: int
    name: str
    node: Node
    anchor: None = None


Node: TypeAlias = Scalar | Items | Keys | Use


@dataclass(frozen=True, slots=True)
class Tree:
    """A file's documents.

    Attributes:
        name: what messages call the file.
        text: what was parsed.
        documents: empty ones left out.
    """

    name: str
    text: str
    documents: tuple[Node, ...]
    _starts: tuple[int, ...] = field(repr=False, default=())

    def where(self, node: Node) -> Position:
        """The node's place."""
        return self.at(node.start)

    def at(self, offset: int) -> Position:
        """The place of an offset in the text."""
        line = bisect_right(self._starts, offset)
        return Position(self.name, line, offset - self._starts[line - 1] + 1)


def target(node: Node) -> Node:
    """The node, or what it stands for."""
    return node.node if isinstance(node, Use) else node


def value(node: Node) -> Any:
    """The node as values of JSON's types, read as Helm reads YAML 1.1.

    Times, and numbers with colons, stay text; mappings merged by ``<<`` are filled in.
    """
    match node:
        case Use():
            return value(node.node)
        case Scalar():
            return resolved(node.text, node.style, node.tag)
        case Items():
            return [value(item) for item in node.items]
        case Keys():
            made: dict[str, Any] = {}
            for key, entry in node.entries:
                if is_merge(key):
                    for merged in _merged(entry):
                        made = {**merged, **made}
            return made | {k.text: value(v) for k, v in node.entries if not is_merge(k)}


def is_merge(key: Scalar) -> bool:
    """Whether the key is YAML 1.1's merge key."""
    return key.text == "<<" and not key.style


def describe(node: Node) -> str:
    """A node in words, for messages."""
    match target(node):
        case Scalar() as scalar:
            return "nothing" if value(scalar) is None else "a single value"
        case Items():
            return "a list"
        case _:
            return "a mapping"


def _merged(node: Node) -> list[dict[str, Any]]:
    found = value(node)
    given = found if isinstance(found, list) else [found]
    return [entry for entry in given if isinstance(entry, dict)]
