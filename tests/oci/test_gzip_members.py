from __future__ import annotations

import gzip as stdlib
import io
import zipfile
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stackyard.oci.digest import sha256
from stackyard.oci.gzip import END_OF_ARCHIVE, member, transplant


@given(st.lists(st.binary(max_size=4000), max_size=5))
def test_members_join_to_one_file(pieces: list[bytes]) -> None:
    joined = b"".join(map(member, pieces))
    assert stdlib.decompress(joined) == b"".join(pieces)


def test_the_bytes_are_the_same_on_every_machine() -> None:
    """A golden digest: another one means that everybody pulls every layer again."""
    text = b"".join(b"%d %d\n" % (n, n * n) for n in range(50_000))
    assert sha256(member(text)) == GOLDEN
    assert member(text)[:10] == bytes.fromhex("1f8b08000000000004ff")


GOLDEN = "sha256:d91f706e37f7eb60e24f59f5adfa7431e1991199b07eba5923153ab21b607d1a"


@pytest.mark.parametrize("data", [b"", b"hello", bytes(range(256)) * 5000])
def test_a_stream_out_of_a_zip_file_becomes_a_member(data: bytes) -> None:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x", data)
        info = archive.getinfo("x")
    start = info.header_offset + 30 + len("x")
    raw = file.getvalue()[start : start + info.compress_size]
    assert stdlib.decompress(transplant(raw, info.CRC, info.file_size)) == data
    assert stdlib.decompress(transplant(memoryview(raw), zlib.crc32(data), len(data))) == data


def test_a_size_beyond_32_bits_is_written_modulo() -> None:
    assert transplant(b"", 1, (1 << 32) + 7)[-8:] == bytes([1, 0, 0, 0, 7, 0, 0, 0])


def test_the_end_of_an_archive() -> None:
    assert stdlib.decompress(END_OF_ARCHIVE) == bytes(1024)
