from __future__ import annotations

import gzip as stdlib
import io
import lzma
import os
import tracemalloc
from collections.abc import Callable

import pytest

from stackyard.errors import OutsideError
from stackyard.oci.decompress import decompress, reader
from stackyard.oci.gzip import member

DATA = b"".join(b"%d %d\n" % (n, n * n) for n in range(30_000))


def plain(data: bytes) -> bytes:
    return data


def members(data: bytes) -> bytes:
    return b"".join(member(data[n : n + 50_000]) for n in range(0, len(data), 50_000))


@pytest.mark.parametrize("compress", [plain, members, stdlib.compress, lzma.compress])
def test_every_compression_is_read(compress: Callable[[bytes], bytes]) -> None:
    assert b"".join(decompress(io.BytesIO(compress(DATA)))) == DATA
    assert reader(io.BytesIO(compress(b""))).read() == b""


def test_a_pipe_is_read_and_stays_open() -> None:
    read, write = os.pipe()
    with os.fdopen(read, "rb") as source, os.fdopen(write, "wb") as sink:
        sink.write(member(b"hello"))
        sink.close()
        assert reader(source).read() == b"hello"
        assert not source.closed


@pytest.mark.parametrize("compress", [members, stdlib.compress, lzma.compress])
def test_what_is_cut_short_or_damaged_is_an_error(compress: Callable[[bytes], bytes]) -> None:
    good = compress(DATA)
    broken = bytearray(good)
    broken[len(good) // 2 : len(good) // 2 + 2000] = bytes(2000)
    for data in (good[:-3], good[: len(good) // 2 + 7], bytes(broken)):
        with pytest.raises(OutsideError, match="damaged or cut short"):
            list(decompress(io.BytesIO(data)))


def test_garbage_after_a_gzip_file_is_an_error_and_zeros_are_not() -> None:
    with pytest.raises(OutsideError, match="damaged or cut short"):
        list(decompress(io.BytesIO(member(DATA) + b"garbage")))
    assert b"".join(decompress(io.BytesIO(member(DATA) + bytes(512)))) == DATA


def test_zstd_is_refused_with_a_remedy() -> None:
    with pytest.raises(OutsideError, match="zstd") as caught:
        reader(io.BytesIO(b"\x28\xb5\x2f\xfd rest"))
    assert "gzip" in str(caught.value.hint)


def test_a_bomb_takes_no_memory() -> None:
    bomb = stdlib.compress(bytes(60_000_000), 9)
    tracemalloc.start()
    assert sum(map(len, decompress(io.BytesIO(bomb)))) == 60_000_000
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 20_000_000
