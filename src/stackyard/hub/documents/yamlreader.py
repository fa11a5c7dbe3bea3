"""Reads YAML that others wrote, of several documents, within bounds.

Only the parser's events are used, so nothing is ever constructed by a tag.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NoReturn

import yaml

from stackyard.errors import InputError, Position
from stackyard.hub.documents.yamlscalars import CORE
from stackyard.hub.documents.yamltree import Items, Keys, Node, Scalar, Tree, Use, value

MAX_DEPTH = 64
MAX_NODES = 300_000
MAX_TEXT = 16 << 20
"""Characters of all scalars of a file, aliases written out."""

_LOADER: Any = getattr(yaml, "CLoader", yaml.Loader)
_KNOWN_TAGS = frozenset(
    f"{CORE}{name}" for name in ("str", "int", "float", "bool", "null", "seq", "map")
)


def parse(text: str, name: str, doing: str) -> Tree:
    """Read all documents of a text.

    Args:
        text: YAML, or JSON, which is YAML.
        name: what messages call the file.
        doing: what messages begin with, such as ``reading the profile list``.

    Raises:
        InputError: not YAML, a tag that is none of YAML's own, or over a limit.
    """
    starts = (0, *(found.end() for found in re.finditer("\n", text)))
    tree = Tree(name, text, (), starts)
    try:
        documents = tuple(_Reader(tree, doing).documents())
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        at = mark.index if mark else getattr(error, "position", None)
        problem = getattr(error, "problem", None) or getattr(error, "reason", "it is no YAML")
        raise InputError(
            f"{doing}: not valid YAML: {problem}",
            where=tree.at(min(at, len(text))) if at is not None else Position(name),
        ) from None
    return Tree(name, text, documents, starts)


class _Reader:
    """Builds nodes from the parser's events; recursion ends at MAX_DEPTH."""

    def __init__(self, tree: Tree, doing: str) -> None:
        self._events: Iterator[Any] = iter(yaml.parse(tree.text, Loader=_LOADER))
        self._tree = tree
        self._doing = doing
        self._anchors: dict[str, tuple[Node, int, int, int]] = {}
        self._nodes = 0
        self._text = 0

    def documents(self) -> Iterator[Node]:
        next(self._events)  # the start of the stream
        while not isinstance(next(self._events), yaml.StreamEndEvent):
            self._anchors.clear()
            node, _ = self._node(next(self._events), 0)
            next(self._events)  # the document's end
            if not (isinstance(node, Scalar) and value(node) is None):
                yield node

    def _node(self, event: Any, depth: int) -> tuple[Node, int]:
        if depth > MAX_DEPTH:
            self._fail(event, f"nested more than {MAX_DEPTH} levels deep")
        if isinstance(event, yaml.AliasEvent):
            return self._use(event, depth)
        if event.tag not in {None, "!"} and event.tag not in _KNOWN_TAGS:
            self._fail(event, f"the tag {event.tag!r} is not one of YAML's own")
        levels = 1
        nodes, text = self._nodes, self._text
        self._count(event, 1, len(getattr(event, "value", "")))
        levels = 1
        node: Node
        if isinstance(event, yaml.ScalarEvent):
            node = self._scalar(event)
        elif isinstance(event, yaml.SequenceStartEvent):
            node, levels = self._items(event, depth)
        else:
            node, levels = self._keys(event, depth)
        if event.anchor is not None:
            self._anchors[event.anchor] = (node, self._nodes - nodes, self._text - text, levels)
        return node, levels

    def _scalar(self, event: Any) -> Scalar:
        start, end = _begin(event), _end(event)
        return Scalar(start, end, event.value, event.style or "", event.anchor, event.tag)

    def _items(self, start: Any, depth: int) -> tuple[Node, int]:
        items: list[Node] = []
        levels = 0
        while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
            item, below = self._node(event, depth + 1)
            items.append(item)
            levels = max(levels, below)
        flow = bool(start.flow_style)
        begin, end = _begin(start), _end(event)
        return Items(begin, end, tuple(items), flow, start.anchor), levels + 1

    def _keys(self, start: Any, depth: int) -> tuple[Node, int]:
        entries: list[tuple[Scalar, Node]] = []
        seen: dict[str, Any] = {}
        levels = 0
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            if not isinstance(event, yaml.ScalarEvent):
                self._fail(event, "a key is not a single word")
            self._count(event, 1, len(event.value))
            first = seen.setdefault(event.value, event)
            if first is not event:
                line = self._tree.at(_begin(first)).line
                self._fail(event, f"the key {event.value!r} is here twice; first in line {line}")
            key = self._scalar(event)
            if event.anchor is not None:
                self._anchors[event.anchor] = (key, 1, len(event.value), 1)
            entry, below = self._node(next(self._events), depth + 1)
            entries.append((key, entry))
            levels = max(levels, below)
        flow = bool(start.flow_style)
        begin, end = _begin(start), _end(event)
        return Keys(begin, end, tuple(entries), flow, start.anchor), levels + 1

    def _use(self, event: Any, depth: int) -> tuple[Node, int]:
        if event.anchor not in self._anchors:
            self._fail(event, f"the alias *{event.anchor} stands for nothing complete before it")
        node, nodes, text, levels = self._anchors[event.anchor]
        self._count(event, nodes, text)
        if depth + levels - 1 > MAX_DEPTH:
            self._fail(event, f"nested more than {MAX_DEPTH} levels deep")
        return Use(_begin(event), _end(event), event.anchor, node), levels

    def _count(self, event: Any, nodes: int, text: int) -> None:
        self._nodes += nodes
        self._text += text
        if self._nodes > MAX_NODES:
            self._fail(event, f"more than {MAX_NODES:,} values, aliases written out")
        if self._text > MAX_TEXT:
            self._fail(event, f"more than {MAX_TEXT:,} characters, aliases written out")

    def _fail(self, event: Any, message: str) -> NoReturn:
        where = self._tree.at(_begin(event))
        raise InputError(f"{self._doing}: {message}", where=where)


def _begin(event: Any) -> int:
    return int(event.start_mark.index)


def _end(event: Any) -> int:
    return int(event.end_mark.index)
