from __future__ import annotations

import io
import os
import subprocess
import tarfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stackyard.inventory.tarstream import TarError, TarReader
from stackyard.oci.tar import Kind

KINDS = {
    tarfile.REGTYPE: Kind.FILE,
    tarfile.DIRTYPE: Kind.DIRECTORY,
    tarfile.SYMTYPE: Kind.SYMLINK,
    tarfile.LNKTYPE: Kind.HARDLINK,
    tarfile.CHRTYPE: Kind.CHARACTER,
    tarfile.FIFOTYPE: Kind.FIFO,
}
part = st.text(st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1)
names = st.lists(part.filter(lambda p: p not in {".", ".."}), min_size=1, max_size=40)


@st.composite
def members(draw: st.DrawFn) -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo("/".join(draw(names)))
    info.type = draw(st.sampled_from(sorted(KINDS)))
    info.mode = draw(st.integers(0, 0o7777))
    info.uid = draw(st.integers(0, 2**31))
    info.gid = draw(st.integers(0, 2**31))
    info.mtime = draw(st.integers(0, 2**35))
    if info.type in (tarfile.SYMTYPE, tarfile.LNKTYPE):
        info.linkname = "/".join(draw(names))
    if info.type == tarfile.CHRTYPE:
        info.devmajor, info.devminor = draw(st.integers(0, 500)), draw(st.integers(0, 500))
    data = draw(st.binary(max_size=3000)) if info.type == tarfile.REGTYPE else b""
    info.size = len(data)
    return info, data


@given(st.lists(members(), max_size=5), st.sampled_from([tarfile.GNU_FORMAT, tarfile.PAX_FORMAT]))
def test_reads_what_the_standard_library_writes(
    wanted: list[tuple[tarfile.TarInfo, bytes]], form: int
) -> None:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=form) as tar:
        for info, data in wanted:
            tar.addfile(info, io.BytesIO(data))
    reader = TarReader(io.BytesIO(out.getvalue()))
    found = [(entry, reader.read()) for entry in reader]
    assert len(found) == len(wanted)
    for (entry, contents), (info, data) in zip(found, wanted, strict=True):
        assert entry.name == info.name
        assert entry.kind is KINDS[info.type]
        assert (entry.mode, entry.uid, entry.gid) == (info.mode, info.uid, info.gid)
        assert (entry.mtime, entry.target) == (info.mtime, info.linkname)
        assert (entry.size, contents) == (len(data), data)
        if info.type == tarfile.CHRTYPE:
            assert entry.device == (info.devmajor, info.devminor)


@given(st.binary(max_size=2000))
def test_noise_is_refused_or_empty(noise: bytes) -> None:
    try:
        entries = list(TarReader(io.BytesIO(noise)))
    except TarError:
        return
    assert entries == []


def test_a_cut_off_archive_is_an_error(tar_of) -> None:
    whole = tar_of({"a": b"x" * 3000, "b": b"y"})
    for length in (100, 600, 512 + 3000, 512 + 3072 + 512):
        with pytest.raises(TarError, match="cut off"):
            list(TarReader(io.BytesIO(whole[:length])))


def test_contents_that_are_not_read_are_skipped(tar_of) -> None:
    reader = TarReader(io.BytesIO(tar_of({"a": b"x" * 700_000, "b": b"right", "c": b"z"})))
    got = {entry.name: reader.read() for entry in reader if entry.name == "b"}
    assert got == {"b": b"right"}


def test_xattrs_and_plain_names(tmp_path: Path) -> None:
    info = tarfile.TarInfo("./usr//bin/./ping")
    info.pax_headers = {"SCHILY.xattr.security.capability": "\x01\x02"}
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as tar:
        tar.addfile(info)
    (entry,) = TarReader(io.BytesIO(out.getvalue()))
    assert entry.name == "usr/bin/ping"
    assert entry.xattrs == {"security.capability": b"\x01\x02"}


@pytest.mark.parametrize("form", ["gnu", "pax", "ustar", "oldgnu", "v7"])
def test_reads_what_tar_writes(tmp_path: Path, form: str) -> None:
    tree = tmp_path / "tree"
    (tree / "d").mkdir(parents=True)
    (tree / "d" / ("n" * 90)).write_bytes(b"contents")
    (tree / "s").symlink_to("d/x")
    os.link(tree / "d" / ("n" * 90), tree / "z")
    done = subprocess.run(
        ["tar", f"--format={form}", "--sort=name", "-C", tree, "-cf", "-", "."],
        capture_output=True,
        check=True,
    )
    reader = TarReader(io.BytesIO(done.stdout))
    found = {entry.name: (entry.kind, entry.target, reader.read()) for entry in reader}
    assert found == {
        "": (Kind.DIRECTORY, "", b""),
        "d": (Kind.DIRECTORY, "", b""),
        "d/" + "n" * 90: (Kind.FILE, "", b"contents"),
        "s": (Kind.SYMLINK, "d/x", b""),
        "z": (Kind.HARDLINK, "./d/" + "n" * 90, b""),
    }
