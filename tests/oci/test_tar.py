from __future__ import annotations

import io
import subprocess
import tarfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stackyard.oci.digest import sha256
from stackyard.oci.retar import entry_of
from stackyard.oci.tar import BLOCK, END, Kind, TarEntry, header, padding

LETTERS = st.characters(exclude_characters="/\0", exclude_categories=["Cs"])
PARTS = st.text(LETTERS, min_size=1, max_size=130) | st.from_regex(r"[a-z]{1,90}", fullmatch=True)
NAMES = st.lists(PARTS, min_size=1, max_size=6).map("/".join)
NUMBERS = st.integers(0, 0o7777777) | st.integers(0, 1 << 62)
ATTRIBUTES = st.dictionaries(
    st.from_regex(r"(user|security)\.[a-z]{1,20}", fullmatch=True), st.binary(max_size=40)
)


@st.composite
def tar_entries(draw: st.DrawFn) -> TarEntry:
    kind = draw(st.sampled_from(Kind))
    links = (Kind.HARDLINK, Kind.SYMLINK)
    devices = (Kind.CHARACTER, Kind.BLOCK)
    return TarEntry(
        name=draw(NAMES),
        kind=kind,
        mode=draw(st.integers(0, 0o7777)),
        size=draw(NUMBERS) if kind is Kind.FILE else 0,
        mtime=draw(st.integers(-(1 << 40), 1 << 40)),
        uid=draw(NUMBERS),
        gid=draw(NUMBERS),
        target=draw(NAMES) if kind in links else "",
        device=(draw(st.integers(0, 0o7777777)), draw(st.integers(0, 0o7777777)))
        if kind in devices
        else (0, 0),
        xattrs=draw(ATTRIBUTES),
    )


def read_back(data: bytes) -> TarEntry:
    with tarfile.open(fileobj=io.BytesIO(data + END), errors="surrogateescape") as archive:
        found = archive.next()
    assert found is not None
    assert (found.uname, found.gname) == ("", "")
    return entry_of(found)


@given(tar_entries())
def test_tarfile_reads_back_every_entry(entry: TarEntry) -> None:
    data = header(entry)
    assert len(data) % BLOCK == 0
    assert read_back(data) == entry
    assert header(entry) == data


@pytest.mark.parametrize("length", [99, 100, 101, 155, 156, 255, 256, 257, 300])
@pytest.mark.parametrize("part", [1, 50, 99, 100, 101, 154, 155, 156])
@pytest.mark.parametrize("kind", [Kind.FILE, Kind.DIRECTORY])
def test_names_around_ustars_limits(length: int, part: int, kind: Kind) -> None:
    name = "/".join(["x" * part] * (length // part + 1))[:length].rstrip("/")
    data = header(TarEntry(name, kind))
    assert read_back(data) == TarEntry(name, kind)
    with tarfile.open(fileobj=io.BytesIO(data + END)) as archive:
        assert archive.getnames() == [name]


def test_a_name_that_is_not_utf8_keeps_its_bytes() -> None:
    name = b"caf\xe9".decode("utf-8", "surrogateescape")
    assert b"path=caf\xe9\n" in header(TarEntry(name))
    assert read_back(header(TarEntry(name))).name == name


def test_ordinary_entries_need_no_extended_header() -> None:
    long = "usr/local/lib/python3.11/site-packages/" + "package/" * 10 + "module.py"
    assert len(long) > 100
    assert len(header(TarEntry(long))) == BLOCK
    assert len(header(TarEntry("x" * 101))) == 3 * BLOCK


@pytest.mark.parametrize(
    "entry",
    [
        TarEntry(""),
        TarEntry("a\0b"),
        TarEntry("a", Kind.SYMLINK, target="b\0"),
        TarEntry("a", size=-1),
        TarEntry("a", uid=-1),
        TarEntry("a", xattrs={"a=b": b""}),
    ],
)
def test_what_tar_cannot_say_is_refused(entry: TarEntry) -> None:
    with pytest.raises(ValueError, match="tar"):
        header(entry)


def test_the_bytes_never_change() -> None:
    """A golden digest: another one means that everybody pulls every layer again."""
    entries = [
        TarEntry("usr/", Kind.DIRECTORY, 0o755, mtime=315532800),
        TarEntry("usr/" + "ü" * 60, size=5, uid=1000, gid=100),
        TarEntry("usr/ln", Kind.SYMLINK, 0o777, target="x" * 120),
        TarEntry("usr/ping", mode=0o4755, xattrs={"security.capability": b"\x01\0"}),
    ]
    assert sha256(b"".join(map(header, entries))) == GOLDEN


GOLDEN = "sha256:d713efba256ba413f2f035c81127b338c619772dbd14e0f5d95a06aecfbd74c4"


def test_gnu_tar_lists_it() -> None:
    archive = b"".join(
        [
            header(TarEntry("etc", Kind.DIRECTORY, 0o755)),
            header(TarEntry("etc/" + "long/" * 60 + "fü", size=5, mode=0o640, uid=7, gid=8)),
            b"hello",
            padding(5),
            header(TarEntry("etc/ln", Kind.SYMLINK, 0o777, target="t" * 150)),
            header(TarEntry("etc/hard", Kind.HARDLINK, target="etc/" + "long/" * 60 + "fü")),
            header(TarEntry("etc/null", Kind.CHARACTER, 0o666, device=(1, 3))),
            END,
        ]
    )
    listing = subprocess.run(
        ["tar", "--numeric-owner", "--quoting-style=literal", "-tvf", "-"],
        input=archive,
        capture_output=True,
        check=True,
        env={"LC_ALL": "C.UTF-8", "TZ": "UTC", "PATH": "/usr/bin:/bin"},
    )
    assert listing.stderr == b""
    lines = listing.stdout.decode().splitlines()
    assert lines[0] == "drwxr-xr-x 0/0               0 1970-01-01 00:00 etc/"
    assert lines[1].startswith("-rw-r----- 7/8               5 1970-01-01 00:00 etc/long/long/")
    assert lines[1].endswith("/fü")
    assert lines[2].endswith(" -> " + "t" * 150)
    assert lines[3].startswith("hrw-r--r-- 0/0               0")
    assert "1,3" in lines[4]
    assert len(lines) == 5
