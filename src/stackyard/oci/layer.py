"""Layers: tar archives in the store."""

from __future__ import annotations

import hashlib
import tarfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, BinaryIO

from stackyard.errors import InputError
from stackyard.oci import tar
from stackyard.oci.blob import BlobWriter
from stackyard.oci.descriptor import LAYER_GZIP, Descriptor
from stackyard.oci.disk import disk
from stackyard.oci.gzip import MEMBER_SIZE, member
from stackyard.oci.retar import entries
from stackyard.oci.store import Store

Normalise = Callable[[tar.TarEntry], tar.TarEntry | None]


@dataclass(frozen=True, slots=True)
class Layer:
    """A layer in the store.

    Attributes:
        descriptor: the blob, as it is stored and pushed.
        diff_id: the digest of the tar archive in it, not compressed.
        size: the archive's length in bytes, not compressed.
    """

    descriptor: Descriptor
    diff_id: str
    size: int

    def to_json(self) -> dict[str, Any]:
        """The layer as a JSON object, for `Store.remember`."""
        return {
            "descriptor": self.descriptor.to_json(),
            "diff_id": self.diff_id,
            "size": self.size,
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Layer:
        """What `to_json` gave.

        Raises:
            KeyError, TypeError, ValueError: it is not a layer.
        """
        return cls(
            Descriptor.from_json(value["descriptor"]), str(value["diff_id"]), int(value["size"])
        )


def layer_from_tar(store: Store, stream: BinaryIO, *, normalise: Normalise | None = None) -> Layer:
    """Compress a tar archive into the store.

    Args:
        store: where the layer goes.
        stream: the archive, not compressed (see `stackyard.oci.decompress.reader`).
        normalise: told each entry, gives the one to write instead, or None to
            leave it out. With it the archive is written anew; without, it stays
            as it is to the byte.

    Raises:
        InputError: it is not a tar archive, or it is cut short.
        OutsideError: the disk is full or broken.
    """
    pieces = _as_it_is(stream) if normalise is None else entries(stream, normalise)
    with store.writer() as blob, disk("reading a tar archive"):
        compressor = _Compressor(blob)
        for piece in pieces:
            compressor.write(piece)
        return compressor.commit()


class _Compressor:
    """A tar archive on its way into a blob, in members of about 1 MiB."""

    def __init__(self, blob: BlobWriter) -> None:
        self._blob = blob
        self._hash = hashlib.sha256()
        self._size = 0
        self._pending = bytearray()

    def write(self, data: bytes) -> None:
        self._hash.update(data)
        self._size += len(data)
        self._pending += data
        if len(self._pending) >= MEMBER_SIZE:
            whole = len(self._pending) // MEMBER_SIZE * MEMBER_SIZE
            view = memoryview(self._pending)
            for start in range(0, whole, MEMBER_SIZE):
                self._blob.write(member(view[start : start + MEMBER_SIZE]))
            view.release()
            del self._pending[:whole]

    def commit(self) -> Layer:
        if self._pending:
            self._blob.write(member(self._pending))
        descriptor = self._blob.commit(LAYER_GZIP)
        return Layer(descriptor, f"sha256:{self._hash.hexdigest()}", self._size)


def _as_it_is(stream: BinaryIO) -> Iterator[bytes]:
    """The archive's bytes; its beginning and its end are looked at."""
    size = 0
    end = b""
    while piece := stream.read(MEMBER_SIZE):
        if size == 0:
            _check_start(piece[: tar.BLOCK])
        size += len(piece)
        end = (end + piece[-len(tar.END) :])[-len(tar.END) :]
        yield piece
    if size % tar.BLOCK or end != tar.END:
        raise InputError(
            "reading a tar archive: it is cut short",
            hint="make the archive again",
        )


def _check_start(block: bytes) -> None:
    if not block.strip(b"\0"):
        return  # an archive of nothing
    try:
        tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
    except tarfile.HeaderError as error:
        raise InputError(
            f"reading a tar archive: this is none ({error})",
            hint="give a tar archive, or one compressed with gzip or xz",
        ) from error
