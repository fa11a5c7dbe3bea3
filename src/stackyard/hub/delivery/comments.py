"""Comments in what is delivered: `#` to the end of the line, in YAML and in Python alike."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from stackyard.errors import Position
from stackyard.stack.values import Stack


def one_line(text: object) -> str:
    """The text without anything that could end a line or hide what it says."""
    return "".join(letter if letter.isprintable() else " " for letter in str(text))


def comment(*lines: str, indent: int = 0) -> str:
    """Lines of comment."""
    start = " " * indent + "#"
    return "".join(f"{start} {one_line(line)}".rstrip() + "\n" for line in lines)


def spot(stack: Stack, where: Position) -> str:
    """A place in the stack's files, told the same on every machine."""
    path, folder = Path(where.file), stack.path.parent
    known = path.relative_to(folder) if path.is_relative_to(folder) else path
    return str(replace(where, file=str(known)))


def origin(stack: Stack) -> tuple[str, ...]:
    """Where the file comes from.

    The first two lines hold nothing from outside, because Python looks for a file's
    encoding there.
    """
    return (
        "Written by `stackyard profiles`: change the stack file, not this one.",
        "",
        f"The profile list of {stack.path.name}.",
    )
