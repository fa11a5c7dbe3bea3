"""Flags of instructions, such as ``--mount=type=cache,target=/var/cache``."""

from __future__ import annotations

import re


def split_flags(text: str) -> tuple[list[str], str]:
    """The flags at the beginning of an instruction's arguments, and what follows them."""
    flags: list[str] = []
    text = text.strip()
    while text.startswith("--"):
        flag, end = _flag(text)
        text = text[end:].strip()
        if flag == "--":
            break
        flags.append(flag)
    return flags, text


def _flag(text: str) -> tuple[str, int]:
    """A word without its quotes and escapes, and where it ends."""
    out, at, quote = [], 0, ""
    while at < len(text) and (quote or not text[at].isspace()):
        letter = text[at]
        at += 1
        if letter == quote:
            quote = ""
        elif not quote and letter in "\"'":
            quote = letter
        elif letter == "\\":
            out.append(text[at : at + 1])
            at += 1
        else:
            out.append(letter)
    return "".join(out), at


def written_flag(flag: str) -> str:
    """A flag as it can stand in an instruction."""
    return re.sub(r"[\s\"'\\]", r"\\\g<0>", flag)
