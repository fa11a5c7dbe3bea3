"""Writing one blob: beside its place, hashed on the way, renamed once it is right."""

from __future__ import annotations

import hashlib
import os
import secrets
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from stackyard.errors import OutsideError
from stackyard.oci.descriptor import NO_ANNOTATIONS, Descriptor
from stackyard.oci.disk import outside

_BUFFER = 128 << 10
"""Larger pieces, such as those of a pull, are written as they are, not copied first."""


class BlobWriter:
    """A blob that is being written; see `Store.writer`.

    Attributes:
        size: bytes written so far.
    """

    def __init__(self, place: Path, blobs: Path) -> None:
        self.size = 0
        self._blobs = blobs
        self._path = place / f"blob-{secrets.token_hex(8)}"
        self._hash = hashlib.sha256()
        try:
            self._file = self._path.open("xb", buffering=_BUFFER)
        except OSError as error:
            raise outside(self._doing, error) from error

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Append *data*.

        Raises:
            OutsideError: the disk is full or broken.
        """
        try:
            self._file.write(data)
        except OSError as error:
            raise outside(self._doing, error) from error
        self._hash.update(data)
        self.size += len(data)

    def commit(
        self,
        media_type: str,
        expect: str | None = None,
        expect_size: int | None = None,
        annotations: Mapping[str, str] = NO_ANNOTATIONS,
        *,
        sync: bool = True,
    ) -> Descriptor:
        """Put the blob in its place; does nothing when the store has it already.

        Args:
            media_type: what it is.
            expect: the digest that it must have.
            expect_size: how many bytes it must have.
            annotations: for the descriptor only; the blob is the same.
            sync: wait until the disk has it. Without, a power failure soon afterwards
                can leave it shorter, which `is_whole` finds out.

        Raises:
            OutsideError: it is not what was expected, or the disk failed.
        """
        digest = self.digest
        if expect_size is not None and self.size != expect_size:
            raise OutsideError(
                f"blob {expect or digest}: expected {expect_size} bytes, found {self.size}",
                hint="its source is damaged or was cut short; fetch it again",
            )
        if expect is not None and digest != expect:
            raise OutsideError(
                f"blob {expect}: the content has another digest, {digest}",
                hint="its source is damaged or was tampered with; fetch it again",
            )
        try:
            self._settle(self._blobs / digest.removeprefix("sha256:"), sync=sync)
        except OSError as error:
            raise outside(self._doing, error) from error
        return Descriptor(media_type, digest, self.size, annotations)

    def _settle(self, target: Path, *, sync: bool) -> None:
        if is_whole(target, self.size):
            self.discard()
            return
        self._file.flush()
        if sync:
            # A rename can reach the disk before the data: after a power failure
            # the blob would be there, and empty.
            os.fdatasync(self._file.fileno())
        self._file.close()
        self._path.replace(target)

    def discard(self) -> None:
        """Drop what was written; nothing happens after `commit`."""
        with suppress(OSError):  # closing flushes, and the disk may be full
            self._file.close()
        with suppress(OSError):
            self._path.unlink(missing_ok=True)

    @property
    def digest(self) -> str:
        """The digest of what was written so far."""
        return f"sha256:{self._hash.hexdigest()}"

    @property
    def _doing(self) -> str:
        return f"writing a blob to {self._blobs}"


def is_whole(path: Path, size: int) -> bool:
    """Whether *path* is a file of *size* bytes: a blob that was cut short is written again."""
    try:
        return path.stat().st_size == size
    except OSError:
        return False
