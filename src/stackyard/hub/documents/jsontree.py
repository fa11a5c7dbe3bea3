"""JSON as the nodes that YAML gives.

YAML's parsers take most JSON, but not all: letters in two halves, keys of more than 1,024
letters, and line separators in keys are refused.
"""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

from stackyard.errors import InputError, Position
from stackyard.hub.documents.yamlreader import MAX_DEPTH, MAX_NODES
from stackyard.hub.documents.yamltree import Items, Keys, Node, Scalar, Tree


class _Pairs(list[tuple[str, Any]]):
    """An object's entries as they are written."""


def parse_json(text: str, name: str, doing: str) -> Tree | None:
    """The one document of a JSON text, every node of it at the text's beginning.

    Args:
        text: perhaps JSON.
        name: what messages call the file.
        doing: what messages begin with.

    Returns:
        None if it is no JSON.

    Raises:
        InputError: a key that is there twice, or over a limit.
    """
    if not text.lstrip("\ufeff \t\r\n").startswith(("{", "[")):
        return None
    try:
        written = json.loads(text.removeprefix("\ufeff"), object_pairs_hook=_Pairs)
    except (ValueError, RecursionError):
        return None
    return Tree(name, text, (_Builder(Position(name, 1), doing).node(written, 0),), (0,))


class _Builder:
    def __init__(self, where: Position, doing: str) -> None:
        self._where = where
        self._doing = doing
        self._nodes = 0

    def node(self, written: Any, depth: int) -> Node:
        self._nodes += 1
        if depth > MAX_DEPTH:
            self._fail(f"nested more than {MAX_DEPTH} levels deep")
        if self._nodes > MAX_NODES:
            self._fail(f"more than {MAX_NODES:,} values")
        match written:
            case _Pairs():
                return self._keys(written, depth)
            case list():
                items = tuple(self.node(item, depth + 1) for item in written)
                return Items(0, 0, items, flow=True)
            case str():
                return Scalar(0, 0, written, '"')
            case _:
                return Scalar(0, 0, json.dumps(written))

    def _keys(self, pairs: _Pairs, depth: int) -> Keys:
        names = [key for key, _ in pairs]
        if len(set(names)) < len(names):
            twice = Counter(names).most_common(1)[0][0]
            self._fail(f"the key {twice[:60]!r} is there twice")
        entries = tuple(
            (Scalar(0, 0, key, '"'), self.node(entry, depth + 1)) for key, entry in pairs
        )
        return Keys(0, 0, entries, flow=True)

    def _fail(self, message: str) -> None:
        raise InputError(f"{self._doing}: {message}", where=self._where)
