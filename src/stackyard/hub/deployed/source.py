"""The text of a file, or of standard input, within a limit."""

from __future__ import annotations

import sys
from pathlib import Path

from stackyard.errors import InputError, OutsideError, Position

MAX_BYTES = 8 << 20
STDIN = "-"
_STDIN_NAME = "standard input"


def name_of(path: Path) -> str:
    """What messages call the file."""
    return _STDIN_NAME if str(path) == STDIN else str(path)


def read_text(path: Path, doing: str) -> str:
    """The file's text as it is, line endings and a byte order mark included.

    Args:
        path: the file, or ``-`` for standard input.
        doing: what messages begin with.

    Raises:
        InputError: no file, too large, or not UTF-8.
        OutsideError: it cannot be read.
    """
    where = Position(name_of(path))
    try:
        data = _data(path, where, doing)
    except OSError as error:
        raise OutsideError(f"{doing}: {error.strerror or error}", where=where) from error
    if len(data) > MAX_BYTES:
        raise InputError(
            f"{doing}: it is larger than {MAX_BYTES:,} bytes",
            where=where,
            hint="give the one object that holds the profile list",
        )
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise InputError(f"{doing}: it is not UTF-8", where=Position(where.file, line)) from None


def _data(path: Path, where: Position, doing: str) -> bytes:
    if str(path) == STDIN:
        return sys.stdin.buffer.read(MAX_BYTES + 1)
    if path.is_dir():
        raise InputError(
            f"{doing}: it is a folder",
            where=where,
            hint="name the file in it that has the list, such as values.yaml",
        )
    if not path.exists():
        raise InputError(
            f"{doing}: there is no such file",
            where=where,
            hint="name a file, or - for standard input",
        )
    with path.open("rb") as stream:
        return stream.read(MAX_BYTES + 1)
