"""Reads small text files of a project, within bounds."""

from __future__ import annotations

from pathlib import Path

from stackyard.errors import OutsideError

MAX_BYTES = 1 << 20


class TextError(ValueError):
    """A file that is no text, or too large: what was found, and in which line (0: unknown)."""

    def __init__(self, message: str, line: int = 0) -> None:
        super().__init__(message)
        self.message = message
        self.line = line


def read_text(path: Path) -> str:
    """The text of a UTF-8 file, lines ended as they are, without a byte order mark.

    Raises:
        TextError: it is not a file, not UTF-8, or larger than `MAX_BYTES`.
        OutsideError: the disk failed.
    """
    try:
        # Opening a pipe would wait for who writes it.
        if not path.is_file():
            raise TextError("it is not a file")
        with path.open("rb") as stream:
            data = stream.read(MAX_BYTES + 1)
    except OSError as error:
        raise OutsideError(f"reading {path}: {error.strerror or error}") from error
    if len(data) > MAX_BYTES:
        raise TextError(f"it is larger than {MAX_BYTES} bytes")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise TextError("it is not UTF-8", data.count(b"\n", 0, error.start) + 1) from None
    if "\0" in text:
        raise TextError("it holds a zero byte", text.count("\n", 0, text.index("\0")) + 1)
    return text
