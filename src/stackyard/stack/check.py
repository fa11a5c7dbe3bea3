"""Validates nodes with a model, and says each failure in the file's words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import ValidationError

from stackyard.errors import Position
from stackyard.stack.basemodel import Source
from stackyard.stack.document import MappingNode, Node, ScalarNode, SequenceNode, describe
from stackyard.stack.problems import Problems
from stackyard.stack.source import KNOWN
from stackyard.stack.suggest import did_you_mean

SourceT = TypeVar("SourceT", bound=Source)
Loc = tuple[int | str, ...]

_EXPECTED = {
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
    "dict_type": "a mapping",
    "list_type": "a list",
    "too_short": "at least one item",
}


def check(model: type[SourceT], node: Node, key: str, problems: Problems) -> SourceT | None:
    """Validate a node; None when it failed, the reasons then are in `problems`.

    Args:
        model: what it should be.
        node: rendered, or without templates.
        key: the node's path of keys in the file, for messages ("layers.geo").
        problems: what is wrong goes there.
    """
    try:
        return model.model_validate(tree(node))
    except ValidationError as error:
        for found in error.errors(include_url=False, include_context=False):
            _explain(model, node, key, found, problems)
        return None


def tree(node: Node) -> Any:
    """What the models are validated from: mappings and lists, with scalars as nodes."""
    if isinstance(node, ScalarNode):
        return node
    if isinstance(node, SequenceNode):
        return [tree(item) for item in node.items]
    return {key: tree(value) for key, value in node.entries.items()}


def locate(node: Node, path: Loc) -> Position:
    """Where a path of keys and indexes leads; the nearest place on the way there."""
    where = node.where
    for step in path:
        if isinstance(node, MappingNode) and step in node.entries:
            where, node = node.keys[str(step)], node.entries[str(step)]
        elif isinstance(node, SequenceNode) and isinstance(step, int) and step < len(node.items):
            node = node.items[step]
            where = node.where
        else:
            break
    return where


def _explain(
    model: type[Source], node: Node, key: str, found: Mapping[str, Any], problems: Problems
) -> None:
    path: Loc = tuple(step for step in found["loc"] if step != "[key]")
    where = locate(node, path)
    kind, last = found["type"], str(path[-1]) if path else ""
    told = dotted(key, path)
    if kind == "extra_forbidden":
        known = [field.alias or name for name, field in _model(model, path).model_fields.items()]
        problems.add(where, f"{told}: unknown key {last!r}", did_you_mean(last, known))
    elif kind == "missing":
        problems.add(where, f"{dotted(key, path[:-1])}: the key {last!r} is missing")
    elif kind in _EXPECTED:
        problems.add(where, f"{told}: found {describe(found['input'])}, expected {_EXPECTED[kind]}")
    else:
        problems.add(where, f"{told}: {found['msg']}")


def _model(model: type[Source], path: Loc) -> type[Source]:
    """The model whose key is the last of the path."""
    inside = [KNOWN[step] for step in path[:-1] if isinstance(step, str) and step in KNOWN]
    return inside[-1] if inside else model


def dotted(key: str, path: Loc) -> str:
    """A path as messages show it: ``layers.geo.files[0].to``."""
    steps = (f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)
    return (key + "".join(steps)).lstrip(".") or "the stack file"
