"""Texts of strangers, as they may be shown on a terminal."""

from __future__ import annotations

_JOINERS = "\u200c\u200d"  # parts of words and of emoji


def visible(text: object, longest: int | None = 200) -> str:
    """The text on one line, without what would steer a terminal, and not too long.

    Args:
        text: whatever they wrote.
        longest: characters of it that are shown; None is all of it.
    """
    line = "".join(c if c.isprintable() or c in _JOINERS else " " for c in str(text))
    words = " ".join(line.split())
    return words if longest is None or len(words) <= longest else words[: longest - 1] + "…"
