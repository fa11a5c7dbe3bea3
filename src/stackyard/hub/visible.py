"""Texts of strangers, as they may be shown on a terminal."""

from __future__ import annotations

import re

_JOINERS = "\u200c\u200d"  # parts of words and of emoji
_NO_ASCII = re.compile(r"[^ -~\n]")


def visible(text: object, longest: int | None = 200) -> str:
    """The text on one line, without what would steer a terminal, and not too long.

    Args:
        text: whatever they wrote.
        longest: characters of it that are shown; None is all of it.
    """
    line = "".join(c if c.isprintable() or c in _JOINERS else " " for c in str(text))
    words = " ".join(line.split())
    return words if longest is None or len(words) <= longest else words[: longest - 1] + "…"


def escaped(written: str) -> str:
    """YAML or JSON whose texts are in double quotes, with what cannot be seen as an escape.

    Letters that steer a terminal, or the direction of a line, then do so neither where the
    file is printed nor where it is reviewed.
    """
    return _NO_ASCII.sub(lambda found: _escape(found[0]), written)


def _escape(letter: str) -> str:
    # Beyond four digits YAML and JSON differ, and nothing there steers anything.
    shown = letter.isprintable() or letter in _JOINERS or ord(letter) > 0xFFFF
    return letter if shown else f"\\u{ord(letter):04x}"
