"""Gzip members: deterministic to the byte, and joined without compressing again.

A gzip file is a run of members (RFC 1952), so members that were made apart
make one file when they are put one after the other. Compression is libdeflate's
level 1, which gives the same bytes on every CPU; ISA-L does not, and is used
for reading only (`stackyard.oci.decompress`).
"""

from __future__ import annotations

import struct

import deflate

MEMBER_SIZE = 1 << 20
"""A stream is compressed in members of this many bytes."""

_LEVEL = 1
# No name, time 0, no flags, "fastest algorithm", "unknown system", as libdeflate writes it.
_HEADER = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x04\xff"
_TRAILER = struct.Struct("<LL")


def member(data: bytes | bytearray | memoryview) -> bytes:
    """*data* as one gzip member."""
    return bytes(deflate.gzip_compress(data, _LEVEL))


def transplant(raw_deflate: bytes | memoryview, crc32: int, size: int) -> bytes:
    """A gzip member around an existing raw DEFLATE stream, such as one of a zip file.

    Args:
        raw_deflate: a complete stream (RFC 1951).
        crc32: the CRC-32 of what it decompresses to.
        size: how many bytes that is.
    """
    return b"".join((_HEADER, raw_deflate, _TRAILER.pack(crc32, size & 0xFFFFFFFF)))


END_OF_ARCHIVE = member(bytes(1024))
"""The member that ends a tar archive: two blocks of zeros."""
