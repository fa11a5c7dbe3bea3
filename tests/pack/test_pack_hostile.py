"""Wheels that are broken, or want harm: each ends in an error that names it."""

from __future__ import annotations

import stat
import struct
import zipfile

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stackyard.errors import InputError
from stackyard.pack import wheelentry
from stackyard.pack.paths import problem_of

NAME = "demo-1.0-py3-none-any.whl"


def refused(packer, entries, match):
    check(packer, packer.zip_bytes(entries), match)


def check(packer, data, match):
    with pytest.raises(InputError, match=match) as caught:
        packer.segment(NAME, data)
    assert caught.value.message.startswith(f"packing {NAME}: ")
    assert caught.value.hint
    directory = packer.store.cache("segments").directory
    assert not directory.exists() or not list(directory.iterdir())


def good(packer, files=None):
    return list(packer.wheel_files("demo", "1.0", files or {"demo.py": b"1"}).items())


@pytest.mark.parametrize(
    "name",
    [
        "../evil.py",
        "demo/../../evil.py",
        "/etc/passwd",
        "demo\\..\\evil.py",
        "C:/evil.py",
        "c:evil.py",
        "demo//evil.py",
        "./evil.py",
        "demo/./evil.py",
        "demo-1.0.data/data/../../../etc/passwd",
        "demo-1.0.data/scripts/../../evil",
        "..",
    ],
)
def test_entries_that_leave_their_place(packer, name):
    refused(packer, [*good(packer), (name, b"evil")], "entry")


@pytest.mark.parametrize("name", ["../evil", "/evil", "a/b", "..", "C:evil"])
def test_scripts_that_leave_their_place(packer, name):
    text = f"[console_scripts]\n{name} = demo:main\n".encode()
    refused(packer, good(packer, {"demo-1.0.dist-info/entry_points.txt": text}), "script|file")


@pytest.mark.parametrize(
    "text", [b"[console_scripts]\nx = !\n", b"x\n", b"\xff\xfe", b"[a]\n[a]\n"]
)
def test_broken_entry_points(packer, text):
    refused(packer, good(packer, {"demo-1.0.dist-info/entry_points.txt": text}), "packing")


def test_code_in_an_entry_point_reaches_no_script(packer):
    text = b"[console_scripts]\nx = os:system('id')\n"
    refused(packer, good(packer, {"demo-1.0.dist-info/entry_points.txt": text}), "packing")


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFIFO, stat.S_IFCHR, stat.S_IFDIR])
def test_entries_that_are_no_files(packer, kind):
    info = packer.file_info("demo/link", kind | 0o777)
    refused(packer, [*good(packer), (info, b"/etc/passwd")], "demo/link is")


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_two_entries_of_one_name(packer):
    refused(packer, [*good(packer), ("demo.py", b"2")], "two entries demo.py")


def test_two_entries_for_one_place(packer):
    files = {"demo.py": b"1", "demo-1.0.data/purelib/demo.py": b"1"}
    refused(packer, good(packer, files), "two of its entries are for")


def test_a_file_where_a_directory_is(packer):
    refused(packer, good(packer, {"demo": b"1", "demo/x.py": b"1"}), "a file and a directory")


def test_unknown_places_in_the_data_directory(packer):
    refused(packer, good(packer, {"demo-1.0.data/etc/x": b"1"}), "not contained in a valid .data")


def test_two_data_directories(packer):
    files = {"demo-1.0.data/data/x": b"1", "Demo-1.0.data/data/y": b"1"}
    refused(packer, good(packer, files), "several data directories")


@pytest.mark.parametrize("missing", ["METADATA", "WHEEL", "RECORD"])
def test_missing_metadata(packer, missing):
    entries = [e for e in good(packer) if not e[0].endswith(missing)]
    refused(packer, entries, f"has no {missing}")


def test_no_dist_info_or_two(packer):
    refused(packer, [("demo.py", b"1")], "exactly one .dist-info")
    refused(
        packer, [*good(packer), ("other-1.0.dist-info/METADATA", b"")], "exactly one .dist-info"
    )


@pytest.mark.parametrize(
    ("name", "version"), [("other", "1.0"), ("demo", "1.1"), ("demo", "2!1.0"), ("demo", "x")]
)
def test_the_metadata_of_something_else(packer, name, version):
    refused(packer, list(packer.wheel_files(name, version, {}).items()), "packing")


@pytest.mark.parametrize(
    ("name", "version"), [("other", "1.0"), ("demo", "1.1"), ("demo", ""), ("", "1.0")]
)
def test_metadata_that_contradicts_the_file_name(packer, name, version):
    entries = dict(good(packer))
    entries["demo-1.0.dist-info/METADATA"] = f"Name: {name}\nVersion: {version}\n".encode()
    refused(packer, list(entries.items()), "[Mm]etadata|METADATA")


def test_a_format_of_the_future(packer):
    entries = dict(good(packer))
    entries["demo-1.0.dist-info/WHEEL"] = b"Wheel-Version: 2.0\nRoot-Is-Purelib: true\n"
    refused(packer, list(entries.items()), "Incompatible Wheel-Version")


@pytest.mark.parametrize("record", [b"demo.py\n", b"\xff", b'"demo.py,,\n', b"a,b,c,d\n"])
def test_a_broken_record(packer, record):
    entries = dict(good(packer))
    entries["demo-1.0.dist-info/RECORD"] = record
    data = packer.zip_bytes(list(entries.items()))
    check(packer, data, "packing")


def test_a_record_that_says_nothing_useful_is_made_right(packer):
    entries = dict(good(packer))
    entries["demo-1.0.dist-info/RECORD"] = b"demo.py,md5=x,1\nWHEEL,sha256=y,999\n"
    found = packer.unpack(packer.segment(NAME, packer.zip_bytes(list(entries.items()))))
    record = next(data for name, (_, data) in found.items() if name.endswith("/RECORD"))
    assert b"demo.py,sha256=a4ayc_80_OGda4BO_1o_V0etpOqiLx1JwB5S3beHW0s,1\n" in record


def test_a_zip_bomb(packer):
    refused(packer, [*good(packer), ("demo/bomb", bytes(80 << 20))], "claim to be")


def directory_entry(data, name):
    """Where the archive's central directory tells of *name*."""
    at = data.rindex(name.encode())
    return data.rindex(b"PK\x01\x02", 0, at)


@pytest.mark.parametrize("declared", [0, 1, 99, 101, 5000, 3 << 20, 1 << 31])
def test_entries_that_lie_about_their_length(packer, declared):
    data = bytearray(packer.zip_bytes(good(packer, {"demo/lie.txt": bytes(range(100))})))
    struct.pack_into("<L", data, directory_entry(data, "demo/lie.txt") + 24, declared)
    check(packer, bytes(data), "packing")


def test_a_long_stream_that_lies(packer, monkeypatch):
    content = bytes(range(256)) * 4000
    for size in (len(content) - 1, len(content) + 1):
        for limit in (wheelentry._WHOLE_TO, 1):
            monkeypatch.setattr(wheelentry, "TRANSPLANT_FROM", 1)
            monkeypatch.setattr(wheelentry, "_WHOLE_TO", limit)
            data = bytearray(packer.zip_bytes(good(packer, {"demo/lie.txt": content})))
            struct.pack_into("<L", data, directory_entry(data, "demo/lie.txt") + 24, size)
            check(packer, bytes(data), "damaged")


@pytest.mark.parametrize("limit", [1, 64 << 20])
@pytest.mark.parametrize("long", [False, True])
@pytest.mark.parametrize("harm", ["crc", "stream", "cut", "junk"])
def test_damaged_entries(packer, monkeypatch, limit, long, harm):
    monkeypatch.setattr(wheelentry, "TRANSPLANT_FROM", 1 if long else 1 << 20)
    monkeypatch.setattr(wheelentry, "_WHOLE_TO", limit)
    data = bytearray(packer.zip_bytes(good(packer, {"demo/x.txt": b"some text to compress" * 9})))
    at = directory_entry(data, "demo/x.txt")
    (crc, packed) = struct.unpack_from("<LL", data, at + 16)
    start = struct.unpack_from("<L", data, at + 42)[0] + 30 + len("demo/x.txt")
    if harm == "crc":
        struct.pack_into("<L", data, at + 16, crc ^ 1)
    elif harm == "stream":
        data[start + 3] ^= 0xFF
    elif harm == "cut":
        struct.pack_into("<L", data, at + 20, packed - 1)
    else:
        data[start + packed : start + packed] = b"junk"
        struct.pack_into("<L", data, directory_entry(data, "demo/x.txt") + 20, packed + 4)
        at = directory_entry(data, "demo-1.0.dist-info/RECORD")  # which follows, and moved
        (offset,) = struct.unpack_from("<L", data, at + 42)
        struct.pack_into("<L", data, at + 42, offset + 4)
        end = data.rindex(b"PK\x05\x06")
        (offset,) = struct.unpack_from("<L", data, end + 16)
        struct.pack_into("<L", data, end + 16, offset + 4)
    check(packer, bytes(data), "damaged|demo/x.txt")


def test_entries_that_share_their_bytes(packer):
    data = bytearray(
        packer.zip_bytes([("a.py", bytes(1000)), ("b.py", bytes(1000)), *good(packer)])
    )
    struct.pack_into("<L", data, directory_entry(data, "b.py") + 42, 0)
    check(packer, bytes(data), "overlaps")


def test_encrypted_entries_and_odd_compression(packer):
    data = bytearray(packer.zip_bytes(good(packer)))
    at = directory_entry(data, "demo.py")
    struct.pack_into("<H", data, at + 8, 1)
    check(packer, bytes(data), "encrypted")
    info = zipfile.ZipInfo("demo/x", (2024, 1, 1, 0, 0, 0))
    info.compress_type = zipfile.ZIP_BZIP2
    refused(packer, [*good(packer), (info, b"x")], "compression method 12")


@pytest.mark.parametrize("filename", ["demo.whl", "demo-1.0.tar.gz", "x"])
def test_names_that_are_no_wheels(packer, filename):
    data = packer.zip_bytes(good(packer))
    with pytest.raises(InputError, match="packing"):
        packer.segment(filename, data)


@pytest.mark.parametrize("data", [b"", b"not a zip", b"PK\x03\x04", b"PK\x05\x06" + bytes(18)])
def test_files_that_are_no_archives(packer, data):
    check(packer, data, "packing")


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150, deadline=None
)
@given(data=st.data())
def test_any_changed_byte_gives_a_clear_error_or_a_whole_segment(packer, data):
    whole = bytearray(packer.zip_bytes(good(packer, {"demo/x.py": b"x = 1\n" * 9})))
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(whole) - 1))
        whole[at] = data.draw(st.integers(0, 255))
    try:
        segment = packer.segment(NAME, bytes(whole))
    except InputError:
        return
    for name in packer.unpack(segment):
        assert problem_of(name) is None
        assert name.startswith("usr/local/")


@pytest.mark.parametrize("path", ["a", "a/b.c", "...", "a..b/c", "a b", "ü/é", "..a"])
def test_plain_paths(path):
    assert problem_of(path) is None


@pytest.mark.parametrize("path", ["", ".", "..", "a/..", "a/", "/a", "a//b", "a\\b", "c:a", "a\0b"])
def test_paths_that_are_not_plain(path):
    assert problem_of(path)
