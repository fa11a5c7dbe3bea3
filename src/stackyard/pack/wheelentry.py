"""One file in a wheel: its content, and the DEFLATE stream that it is stored as."""

from __future__ import annotations

import io
import zlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, cast
from zipfile import ZIP_STORED, ZipInfo

import deflate
from isal import isal_zlib

from stackyard.oci.gzip import transplant

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

TRANSPLANT_FROM = 16 << 10
"""Compressed bytes from which a stream is worth a gzip member of its own."""
_WHOLE_TO = 64 << 20
_PIECE = 4 << 20
_MAX_GROWTH = 1100
"""DEFLATE makes nothing smaller than by 1032; the rest is room for short streams."""


Buffer = bytes | bytearray | memoryview
_IsalError = cast("type[Exception]", isal_zlib.IsalError)


class BrokenEntryError(ValueError):
    """An entry is not what the wheel's directory says of it."""

    def __init__(self, name: str, found: str) -> None:
        super().__init__(f"{name}: {found}")


class WheelEntry(io.RawIOBase):
    """A wheel's file, as the stream that `installer` hands on.

    The content is decompressed when somebody reads it, not before; who knows
    this class takes `transplanted` instead.

    Attributes:
        length: of the content, in bytes.
        digest: what RECORD says of the content (``sha256=...``); empty when it
            says nothing, or has another length.
    """

    def __init__(self, info: ZipInfo, raw: memoryview, digest: str) -> None:
        super().__init__()
        self.length = info.file_size
        self.digest = digest
        self._name = info.filename
        self._raw = raw
        self._crc = info.CRC
        self._stored = info.compress_type == ZIP_STORED
        self._reader: io.BytesIO | None = None
        if self._stored and len(raw) != self.length:
            raise BrokenEntryError(self._name, "it is stored as it is, and has two lengths")
        if self.length > _MAX_GROWTH * (len(raw) + 1):
            raise BrokenEntryError(self._name, "nothing can be compressed that much")

    @property
    def transplantable(self) -> bool:
        """Whether the stream is long enough to be taken as it is."""
        return not self._stored and len(self._raw) >= TRANSPLANT_FROM

    def content(self) -> Buffer:
        """The content.

        Raises:
            BrokenEntryError: its length or its CRC is another than the wheel says.
        """
        if self._stored:
            if deflate.crc32(self._raw) != self._crc:
                raise BrokenEntryError(self._name, "its CRC is another")
            return self._raw
        return self._inflate(transplant(self._raw, self._crc, self.length))

    def transplanted(self) -> tuple[bytes, Iterator[Buffer]]:
        """The stream as a gzip member, and its content in pieces.

        Raises:
            BrokenEntryError: as `content`; at the last piece at the latest.
        """
        member = transplant(self._raw, self._crc, self.length)
        if self.length <= _WHOLE_TO:
            return member, iter((self._inflate(member),))
        return member, self._pieces()

    def _inflate(self, member: bytes) -> Buffer:
        # libdeflate compares the trailer, which it expects where the stream really
        # ends, with what it found: so length, CRC and junk after the stream are checked.
        try:
            # A length of 0 would mean that it is unknown, and that nothing is checked.
            return deflate.gzip_decompress(member, max(self.length, 1))
        except deflate.DeflateError:
            raise self._damaged() from None

    def _pieces(self) -> Iterator[Buffer]:
        stream = isal_zlib.decompressobj(wbits=-15)
        data: bytes | memoryview = self._raw
        crc = size = 0
        try:
            while not stream.eof:
                piece = stream.decompress(data, _PIECE)
                data = stream.unconsumed_tail
                crc = isal_zlib.crc32(piece, crc)
                size += len(piece)
                if size > self.length or not (piece or stream.eof):
                    raise self._damaged()
                yield piece
        except (_IsalError, zlib.error):
            raise self._damaged() from None
        if size != self.length or crc != self._crc or stream.unused_data:
            raise self._damaged()

    def _damaged(self) -> BrokenEntryError:
        return BrokenEntryError(
            self._name, "its compressed data is damaged, or has another length or CRC than it says"
        )

    def readable(self) -> bool:
        """It is for reading."""
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        """Read as from a file; the content is decompressed at the first read."""
        if self._reader is None:
            self._reader = io.BytesIO(self.content())
        return self._reader.readinto(buffer)
