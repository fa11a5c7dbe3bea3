"""Reading compressed streams, whatever they are compressed with, in bounded memory."""

from __future__ import annotations

import io
import lzma
import zlib
from collections.abc import Iterator
from typing import IO, BinaryIO, cast

from isal import igzip, isal_zlib

from stackyard.errors import OutsideError

_CHUNK = 1 << 20
_GZIP = b"\x1f\x8b"
_XZ = b"\xfd7zXZ\x00"
_ZSTD = b"\x28\xb5\x2f\xfd"
_IsalError = cast("type[Exception]", isal_zlib.IsalError)
_BROKEN = (_IsalError, zlib.error, lzma.LZMAError, EOFError, igzip.BadGzipFile)


def reader(stream: BinaryIO) -> BinaryIO:
    """*stream* decompressed: gzip, xz, or not compressed at all, told by its first bytes.

    Args:
        stream: need not be seekable; it is read to its end and not closed.

    Raises:
        OutsideError: now for zstd, which is not read; later, from `read`, when
            the stream is damaged or cut short.
    """
    buffered = io.BufferedReader(_Unclosed(stream), _CHUNK)
    start = buffered.peek(8)[:8]
    if start.startswith(_GZIP):
        inner = cast("IO[bytes]", igzip.IGzipFile(fileobj=buffered))  # type: ignore[no-untyped-call]
    elif start.startswith(_XZ):
        inner = lzma.open(buffered, "rb")  # noqa: SIM115 - it lives as long as the reader
    elif start.startswith(_ZSTD):
        raise OutsideError(
            "reading a layer: it is compressed with zstd, which is not supported",
            hint="publish that image with gzip layers (skopeo copy --dest-compress-format gzip)",
        )
    else:
        return buffered
    return io.BufferedReader(_Checked(inner), _CHUNK)


def decompress(stream: BinaryIO) -> Iterator[bytes]:
    """What `reader` reads, in pieces of at most 1 MiB."""
    source = reader(stream)
    while piece := source.read(_CHUNK):
        yield piece


class _Unclosed(io.RawIOBase):
    """Reads a stream and leaves it open."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        data = self._stream.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)


class _Checked(io.RawIOBase):
    """Turns a decompressor's many errors into one."""

    def __init__(self, inner: IO[bytes]) -> None:
        self._inner = inner

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        try:
            data = self._inner.read(len(buffer))
        except _BROKEN as error:
            raise OutsideError(
                f"decompressing: the stream is damaged or cut short ({error})",
                hint="fetch or make it again",
            ) from error
        buffer[: len(data)] = data
        return len(data)
