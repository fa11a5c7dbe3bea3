"""A run of tar entries on its way to a file, as whole gzip members.

Small things (headers, padding, short files) are collected and compressed
together. Long streams that are compressed already are put in as they are.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable

from stackyard.oci.gzip import MEMBER_SIZE, member
from stackyard.oci.tar import END, TarEntry, header, padding
from stackyard.pack.wheelentry import Buffer

MTIME = 315532800
"""Of all entries: 1980-01-01, the earliest that a zip file can say.

With 0, which is as fixed, people's `zip` and Python's `zipfile` fail on these files.
"""


class Run:
    """Tar entries, compressed and hashed.

    Args:
        write: receives the gzip members.
        after: tar entries that will stand before this run in its archive; they
            are hashed and not written.

    Attributes:
        size: bytes of tar so far, not compressed, without *after*.
    """

    def __init__(self, write: Callable[[Buffer], object], *, after: bytes = b"") -> None:
        self.size = 0
        self._write = write
        self._hash = hashlib.sha256(after)
        self._pending: list[Buffer] = []
        self._waiting = 0

    def entry(self, entry: TarEntry, content: Buffer = b"") -> None:
        """Add an entry whole."""
        self.begin(entry)
        self.content(content)
        self.end(len(content))

    def begin(self, entry: TarEntry) -> None:
        """Add an entry's header; its content follows, then `end`."""
        self.content(header(entry))

    def content(self, data: Buffer) -> None:
        """Add bytes, to be compressed."""
        self._pending.append(data)
        self._waiting += len(data)
        if self._waiting >= MEMBER_SIZE:
            self.flush()

    def compressed(self, member: bytes, content: Iterable[Buffer]) -> None:
        """Add what is a gzip member already, and what that decompresses to."""
        self.flush()
        for piece in content:
            self._hash.update(piece)
            self.size += len(piece)
        self._write(member)

    def end(self, size: int) -> None:
        """End an entry whose content was *size* bytes."""
        self.content(padding(size))

    def flush(self) -> None:
        """Write what is waiting."""
        if not self._waiting:
            return
        data = b"".join(self._pending)
        self._pending.clear()
        self._waiting = 0
        self._hash.update(data)
        self.size += len(data)
        for start in range(0, len(data), MEMBER_SIZE):
            self._write(member(memoryview(data)[start : start + MEMBER_SIZE]))

    def diff_id(self) -> str:
        """The digest of the archive that this run alone would be, its end included."""
        self.flush()
        whole = self._hash.copy()
        whole.update(END)
        return f"sha256:{whole.hexdigest()}"
