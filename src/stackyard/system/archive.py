"""Writing a foreign tar archive anew, entry by entry, while it is read."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import BinaryIO, cast

from stackyard.errors import InputError
from stackyard.inventory.tarstream import Readable, TarError, TarReader
from stackyard.oci import tar
from stackyard.oci.tar import Kind, TarEntry

Change = Callable[[TarEntry], tuple[TarEntry, bytes | None] | None]
"""Given an entry: the one to write, with its contents when they are to be others; or None."""

_LONGEST_NAME = 4096


Look = Callable[[TarEntry, Iterator[bytes]], Iterator[bytes]]
"""Given an entry and its contents as they come: gives them on, and may look at them."""


def _unseen(_entry: TarEntry, pieces: Iterator[bytes]) -> Iterator[bytes]:
    return pieces


def rewritten(
    stream: Readable, change: Change, doing: str, *, look: Look = _unseen, whole: bool = True
) -> BinaryIO:
    """A root file system's archive, or a layer's, in our one form.

    Args:
        stream: the archive, not compressed.
        change: what becomes of each entry.
        doing: how messages begin.
        look: sees the contents that go on as they are.
        whole: it is a root file system; else a layer, which can remove files of those
            below (names that begin with ``.wh.``) and can be empty.

    Returns:
        The new archive, to be read once. Reading it raises InputError when the
        old one is broken, cut off, or has a name that leaves the root.
    """
    pieces = _Pieces(_pieces(stream, change, doing, look, whole=whole))
    return cast("BinaryIO", io.BufferedReader(pieces, 1 << 20))


def _pieces(
    stream: Readable, change: Change, doing: str, look: Look, *, whole: bool
) -> Iterator[bytes]:
    reader = TarReader(stream)
    count = 0
    try:
        for found in reader:
            _check(found, whole=whole)
            changed = change(_plain(found))
            if changed is None:
                continue
            entry, contents = changed
            count += 1
            yield tar.header(entry if entry.name else _root(entry))
            yield from look(found, reader.chunks()) if contents is None else [contents]
            yield tar.padding(entry.size)
    except (TarError, ValueError) as error:
        raise _refused(doing, str(error), whole=whole) from error
    if whole and not count:
        raise _refused(doing, "the archive is empty", whole=whole)
    yield tar.END


def _plain(entry: TarEntry) -> TarEntry:
    """A hard link's target is a name in the archive, and gets the form of names."""
    if entry.kind is not Kind.HARDLINK:
        return entry
    parts = [part for part in entry.target.split("/") if part not in ("", ".")]
    return replace(entry, target="/".join(parts))


def _root(entry: TarEntry) -> TarEntry:
    """The root directory's entry, which has to have some name."""
    return TarEntry("./", entry.kind, entry.mode, 0, entry.mtime, entry.uid, entry.gid)


def _check(entry: TarEntry, *, whole: bool) -> None:
    parts = entry.name.split("/")
    if ".." in parts or len(entry.name) > _LONGEST_NAME:
        raise ValueError(f"the name {entry.name[:200]!r} leaves the root")
    if not entry.name and entry.kind is not Kind.DIRECTORY:
        raise ValueError("an entry without a name")
    # In an image's layer such a name would remove another file.
    if whole and any(part.startswith(".wh.") for part in parts):
        raise ValueError(f"the name {entry.name[:200]!r} is reserved in images")
    if entry.kind is Kind.HARDLINK and ".." in entry.target.split("/"):
        raise ValueError(f"{entry.name!r} is a hard link to {entry.target!r}, out of the root")


def _refused(doing: str, why: str, *, whole: bool) -> InputError:
    return InputError(
        f"{doing}: {why}",
        hint="give a whole root file system as a tar archive (plain, gzip or xz)"
        if whole
        else "run again; if it stays so, try another engine",
    )


class _Pieces(io.RawIOBase):
    """Reads what an iterator gives."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._left = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        while not self._left:
            piece = next(self._pieces, None)
            if piece is None:
                return 0
            self._left = memoryview(piece)
        size = min(len(buffer), len(self._left))
        buffer[:size] = self._left[:size]
        self._left = self._left[size:]
        return size
