"""Reads one YAML file into nodes that know their place, within bounds.

PyYAML with libyaml does the parsing: 30 times faster than ruamel.yaml on a
stack file of 3,000 lines. Only its events are used. Scalars are resolved here
by the core schema of YAML 1.2 (https://yaml.org/spec/1.2.2/#103-core-schema),
so that the key ``on`` stays a word, and each keeps its text, so that an
environment variable written as 3.10 does not become 3.1.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import yaml

from stackyard.errors import InputError, OutsideError, Position

MAX_BYTES = 1 << 20
MAX_DEPTH = 32
MAX_NODES = 100_000
"""Of one file, each use of an alias counted as if it were written out."""
MAX_TEXT = 4 << 20
"""Characters of all scalars of one file, aliases written out."""

_LOADER: Any = getattr(yaml, "CLoader", yaml.Loader)  # a PyYAML without libyaml is slower only


@dataclass(frozen=True, slots=True)
class ScalarNode:
    """A single value: its text as written, and what YAML takes it for."""

    where: Position
    text: str
    value: str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class SequenceNode:
    """A list."""

    where: Position
    items: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class MappingNode:
    """A mapping, in the order written, and where each key stands."""

    where: Position
    entries: dict[str, Node] = field(default_factory=dict)
    keys: dict[str, Position] = field(default_factory=dict)


Node: TypeAlias = ScalarNode | SequenceNode | MappingNode


def read_document(path: Path, name: str) -> MappingNode:
    """Read a YAML file whose top is a mapping; an empty file is an empty one.

    Args:
        path: the file.
        name: what messages call it.

    Raises:
        InputError: not there, not YAML, over a limit, or not a mapping.
        OutsideError: the disk failed.
    """
    node = parse(_text(path, name), name)
    if not isinstance(node, MappingNode):
        raise InputError(
            f"reading the stack file: found {describe(node)}, expected a mapping",
            where=node.where,
            hint="start with 'layers:' and 'images:'",
        )
    return node


def parse(text: str, name: str) -> Node:
    """The nodes of one YAML document.

    Raises:
        InputError: not YAML, or over a limit.
    """
    try:
        return _Reader(text, name).document()
    except yaml.YAMLError as error:
        raise _syntax(error, name) from None


def plain(node: Node) -> Any:
    """The node as Python values, as YAML types them."""
    if isinstance(node, ScalarNode):
        return node.value
    if isinstance(node, SequenceNode):
        return [plain(item) for item in node.items]
    return {key: plain(value) for key, value in node.entries.items()}


def describe(found: Any) -> str:
    """A node (or what the models were given for one) in words, for messages."""
    if isinstance(found, ScalarNode):
        if found.value is None:
            return "nothing"
        text = found.text if len(found.text) <= 60 else found.text[:59] + "…"
        return repr(text) if isinstance(found.value, str) else text
    if isinstance(found, SequenceNode | list):
        return "a list"
    return "a mapping"


def _text(path: Path, name: str) -> str:
    where = Position(name)
    try:
        if not path.is_file():
            hint = "run 'stackyard init', or name another file"
            found = "it is not a file" if path.exists() else "there is no such file"
            raise InputError(f"reading the stack file: {found}", where=where, hint=hint)
        with path.open("rb") as stream:
            data = stream.read(MAX_BYTES + 1)
    except OSError as error:
        reason = error.strerror or str(error)
        raise OutsideError(f"reading the stack file: {reason}", where=where) from error
    if len(data) > MAX_BYTES:
        hint = "split it with 'include:'"
        message = f"reading the stack file: it is larger than {MAX_BYTES} bytes"
        raise InputError(message, where=where, hint=hint)
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise InputError(
            "reading the stack file: it is not UTF-8", where=Position(name, line)
        ) from None


def _syntax(error: yaml.YAMLError, name: str) -> InputError:
    mark = getattr(error, "problem_mark", None)
    where = Position(name, mark.line + 1, mark.column + 1) if mark else Position(name)
    problem = getattr(error, "problem", None) or str(error).splitlines()[0]
    return InputError(f"reading the stack file: not valid YAML: {problem}", where=where)


class _Reader:
    """Builds nodes from the parser's events; recursion ends at MAX_DEPTH."""

    def __init__(self, text: str, name: str) -> None:
        self._events: Iterator[Any] = iter(yaml.parse(text, Loader=_LOADER))
        self._name = name
        self._anchors: dict[str, tuple[Node, int, int, int]] = {}
        self._nodes = 0
        self._text = 0

    def document(self) -> Node:
        next(self._events)  # the start of the stream
        event = next(self._events)
        if isinstance(event, yaml.StreamEndEvent):
            return MappingNode(Position(self._name, 1, 1))
        node = self._node(next(self._events), 0)[0]
        next(self._events)  # the document's end
        event = next(self._events)
        if not isinstance(event, yaml.StreamEndEvent):
            self._fail(event, "a second document begins", "keep one document a file")
        empty = isinstance(node, ScalarNode) and node.value is None
        return MappingNode(node.where) if empty else node

    def _node(self, event: Any, depth: int) -> tuple[Node, int]:
        """The node that begins with `event`, and how many levels it has."""
        if depth > MAX_DEPTH:
            self._fail(event, f"nested more than {MAX_DEPTH} levels deep")
        if isinstance(event, yaml.AliasEvent):
            return self._alias(event, depth)
        if event.tag is not None:
            self._fail(event, f"the tag {event.tag!r} is not supported", "leave the tag out")
        nodes, text = self._nodes, self._text
        self._count(event, 1, len(getattr(event, "value", "")))
        levels = 1
        node: Node
        if isinstance(event, yaml.ScalarEvent):
            # A plain scalar has the style '' from libyaml, None from Python's parser.
            value = event.value if event.style else _resolve(event.value)
            node = ScalarNode(self._where(event), event.value, value)
        elif isinstance(event, yaml.SequenceStartEvent):
            node, levels = self._sequence(event, depth)
        else:
            node, levels = self._mapping(event, depth)
        if event.anchor is not None:
            self._anchors[event.anchor] = (node, self._nodes - nodes, self._text - text, levels)
        return node, levels

    def _sequence(self, start: Any, depth: int) -> tuple[SequenceNode, int]:
        items: list[Node] = []
        levels = 0
        while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
            item, below = self._node(event, depth + 1)
            items.append(item)
            levels = max(levels, below)
        return SequenceNode(self._where(start), tuple(items)), levels + 1

    def _mapping(self, start: Any, depth: int) -> tuple[MappingNode, int]:
        mapping = MappingNode(self._where(start))
        levels = 0
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            if not isinstance(event, yaml.ScalarEvent):
                hint = 'put a template into quotes: "{{ … }}"'
                self._fail(event, "a key is not a plain word", hint)
            key, where = event.value, self._where(event)
            self._count(event, 1, len(key))
            if key in mapping.entries:
                message = f"the key {key!r} is here twice; first in line {mapping.keys[key].line}"
                self._fail(event, message, "keep one of them")
            if key == "<<" and not event.style:
                self._fail(event, "merge keys ('<<') are not supported", "use 'on:' or 'vars:'")
            value, below = self._node(next(self._events), depth + 1)
            mapping.entries[key], mapping.keys[key] = value, where
            levels = max(levels, below)
        return mapping, levels + 1

    def _alias(self, event: Any, depth: int) -> tuple[Node, int]:
        if event.anchor not in self._anchors:
            self._fail(event, f"the alias *{event.anchor} stands for nothing complete before it")
        node, nodes, text, levels = self._anchors[event.anchor]
        self._count(event, nodes, text)
        if depth + levels - 1 > MAX_DEPTH:
            self._fail(event, f"nested more than {MAX_DEPTH} levels deep")
        return node, levels

    def _count(self, event: Any, nodes: int, text: int) -> None:
        self._nodes += nodes
        self._text += text
        if self._nodes > MAX_NODES:
            self._fail(event, f"more than {MAX_NODES} values, aliases written out")
        if self._text > MAX_TEXT:
            self._fail(event, f"more than {MAX_TEXT} characters, aliases written out")

    def _where(self, event: Any) -> Position:
        mark = event.start_mark
        return Position(self._name, mark.line + 1, mark.column + 1)

    def _fail(self, event: Any, message: str, hint: str | None = None) -> None:
        where = self._where(event)
        raise InputError(f"reading the stack file: {message}", where=where, hint=hint)


_NULL = {"", "~", "null", "Null", "NULL"}
_BOOL = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_INT = re.compile(r"[-+]?[0-9]{1,19}|0o[0-7]{1,21}|0x[0-9a-fA-F]{1,16}")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]{1,3})?")
"""Without infinities and NaN, which JSON cannot hold."""


def _resolve(text: str) -> str | int | float | bool | None:
    if text in _NULL:
        return None
    if text in _BOOL:
        return _BOOL[text]
    first = text[0]
    if not (first.isascii() and (first.isdigit() or first in "+-.")):
        return text
    if _INT.fullmatch(text):
        return int(text, 10 if text[:2] not in {"0o", "0x"} else 0)
    if _FLOAT.fullmatch(text) and abs(float(text)) < float("inf"):
        return float(text)
    return text
