"""Plain scalars as Helm takes them: YAML 1.1, but times and numbers with colons stay text."""

from __future__ import annotations

import re

CORE = "tag:yaml.org,2002:"
"""What the tags of YAML's own types begin with."""

_BOOL = {"yes": True, "true": True, "on": True, "no": False, "false": False, "off": False}
_INT = re.compile(r"[-+]?(0b[01_]{1,64}|0x[0-9a-fA-F_]{1,16}|[0-9][0-9_]{0,18})")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]{1,3})?")
_NULL = {"", "~", "null", "Null", "NULL"}
_AS_WRITTEN = frozenset({f"{CORE}str", "!"})


def resolved(text: str, style: str, tag: str | None) -> str | int | float | bool | None:
    """What a scalar is taken for.

    Args:
        text: the scalar's.
        style: its quotes or block sign, empty for a plain one.
        tag: as it is written, or None.
    """
    if tag in _AS_WRITTEN or (style and tag is None):
        return text
    if text in _NULL:
        return None
    if text.lower() in _BOOL and text in {text.lower(), text.title(), text.upper()}:
        return _BOOL[text.lower()]
    if _INT.fullmatch(text):
        return _whole(text)
    if _FLOAT.fullmatch(text) and abs(float(text)) < float("inf"):
        return float(text)
    return text


def _whole(text: str) -> int | str:
    digits = text.replace("_", "").lower()
    bare = digits.lstrip("+-")
    octal = len(bare) > 1 and bare.isdigit() and bare.startswith("0")
    try:
        return int(digits, 8) if octal else int(digits, 0)
    except ValueError:
        return text  # such as 08
