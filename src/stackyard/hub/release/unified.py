"""The difference of two texts, as `diff -u` writes it and `patch` takes it."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from pathlib import PurePath

_NO_END = "\\ No newline at end of file\n"


def unified(before: str, after: str, name: str) -> str:
    """The difference; empty when there is none.

    Args:
        before: the old text.
        after: the new one.
        name: the file's.
    """
    prefixes = ("", "") if PurePath(name).is_absolute() else ("a/", "b/")
    old, new = (f"{prefix}{name}" for prefix in prefixes)
    lines = difflib.unified_diff(list(_lines(before)), list(_lines(after)), old, new)
    return "".join(line if line.endswith("\n") else f"{line}\n{_NO_END}" for line in lines)


def _lines(text: str) -> Iterator[str]:
    """Its lines with their ends: at line feeds only, as `patch` sees them."""
    *whole, last = text.split("\n")
    for line in whole:
        yield f"{line}\n"
    if last:
        yield last
