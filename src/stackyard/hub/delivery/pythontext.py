"""Python literals, laid out for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

_STEP = "    "


def literal(value: Any, indent: str = "") -> str:
    """The value as an expression that holds nothing but literals.

    Args:
        value: of JSON's types.
        indent: of the line that it begins in.
    """
    match value:
        case Mapping() if value:
            below = indent + _STEP
            entries = (f"{below}{k!r}: {literal(v, below)},\n" for k, v in value.items())
            return "{\n" + "".join(entries) + indent + "}"
        case Mapping():
            return "{}"
        case str() | None | bool() | int() | float():
            return repr(value)
        case Sequence() if value:
            below = indent + _STEP
            return "[\n" + "".join(f"{below}{literal(v, below)},\n" for v in value) + indent + "]"
        case Sequence():
            return "[]"
        case _:
            raise TypeError(f"{value!r} is not of JSON's types")
