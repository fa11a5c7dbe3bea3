"""What of an engine's archive gets into a layer."""

from __future__ import annotations

import gzip
import io
import os
import tarfile
from collections.abc import Iterable
from pathlib import Path

import pytest

from stackyard.errors import InputError
from stackyard.inventory.tarstream import TarReader
from stackyard.oci.decompress import reader
from stackyard.oci.layer import Layer
from stackyard.oci.store import Store
from stackyard.oci.tar import TarEntry
from stackyard.system.mmdebstrap import EPOCH
from stackyard.system.readback import ReadBack
from stackyard.system.secrets import Secrets

VALUE = b"correct horse battery"
SECRETS = Secrets({"token": VALUE + b"\n", "short": b"ab"})
STATUS = """\
Package: git
Status: install ok installed
Architecture: amd64
Version: 1:2.39.5-0+deb12u2
Description: fast
 Package: none

Package: gone
Status: deinstall ok config-files
Version: 1

Package: libc6
Status: install ok installed
Architecture: amd64
Version: 2.36-9
"""


def member(name: str, data: bytes | None = b"x", **other: object) -> tuple[tarfile.TarInfo, bytes]:
    """A file of a layer's archive; without data a directory."""
    info = tarfile.TarInfo(name)
    info.type, info.mode, info.mtime = tarfile.REGTYPE, 0o640, 1234567890
    if data is None:
        info.type, info.mode = tarfile.DIRTYPE, 0o755
    info.size = len(data or b"")
    for key, value in other.items():
        setattr(info, key, value)
    return info, data or b""


class Bench:
    """Writes archives of an engine and reads what became of them."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self.store = Store.open(place / "store")

    def archive(self, members: Iterable[tuple[tarfile.TarInfo, bytes]]) -> Path:
        out = io.BytesIO()
        with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as tar:
            for info, data in members:
                tar.addfile(info, io.BytesIO(data))
        path = self.place / "made.tar"
        path.write_bytes(out.getvalue())
        return path

    def read(self, *members: tuple[tarfile.TarInfo, bytes], **how: object) -> ReadBack:
        self.back = ReadBack(self.store, SECRETS, **{"generated": False, **how})
        self.layer = self.back.layer(self.archive(members))
        return self.back

    def kept(self, *members: tuple[tarfile.TarInfo, bytes], **how: object) -> dict[str, TarEntry]:
        self.read(*members, **how)
        return {entry.name: entry for entry in self.entries(self.layer)}

    def entries(self, layer: Layer | None) -> list[TarEntry]:
        if layer is None:
            return []
        with self.store.open_blob(layer.descriptor.digest) as blob:
            return list(TarReader(reader(blob)))

    def refused(self, *members: tuple[tarfile.TarInfo, bytes], **how: object) -> InputError:
        """The error; nothing of what was read is kept."""
        with pytest.raises(InputError) as caught:
            self.read(*members, **how)
        return caught.value

    @property
    def blobs(self) -> list[Path]:
        return list((self.store.root / "blobs" / "sha256").iterdir())


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def test_what_a_step_wrote_stays_as_it_is(bench: Bench) -> None:
    link = member("opt/link", b"", type=tarfile.SYMTYPE, linkname="/etc/passwd")
    hard = member("opt/hard", b"", type=tarfile.LNKTYPE, linkname="./opt/a")
    owned = member("./opt/a", b"abc", uid=7, gid=8, mode=0o4711, mtime=5)
    found = bench.kept(member("opt", None), owned, link, hard)
    assert list(found) == ["opt", "opt/a", "opt/link", "opt/hard"]
    a = found["opt/a"]
    assert (a.uid, a.gid, a.mode, a.mtime, a.size) == (7, 8, 0o4711, 5, 3)
    assert (found["opt/link"].target, found["opt/hard"].target) == ("/etc/passwd", "opt/a")
    assert bench.back.count == 4


def test_what_a_step_removed_stays_removed(bench: Bench) -> None:
    names = ["etc/.wh.motd", ".wh.srv", "opt/.wh..wh..opq", "a.wh.b"]
    assert list(bench.kept(*(member(name, b"") for name in names))) == names


def test_whether_it_is_compressed_does_not_matter(bench: Bench) -> None:
    bench.read(member("a", b"1" * 5000))
    plain, back = bench.layer, ReadBack(bench.store, SECRETS, generated=False)
    path = bench.place / "made.tar"
    path.write_bytes(gzip.compress(path.read_bytes()))
    assert back.layer(path) == plain


@pytest.mark.parametrize(
    "name",
    ["dev", "dev/null", "proc/self", "sys/kernel/x", "run", "run/secrets", "run/secrets/token",
     "run/stackyard/commands.sh", "run/.containerenv", ".dockerenv", "./dev/shm/x", "proc/.wh.x",
     "var/cache/apt/archives/git.deb", "var/cache/apt/archives/partial/x", "var/cache/apt/pkg.bin"],
)  # fmt: skip
def test_what_the_engine_brought_is_left_out(bench: Bench, name: str) -> None:
    assert list(bench.kept(member(name), member("kept"))) == ["kept"]


@pytest.mark.parametrize(
    "name",
    ["device", "run/lock", "run/secretsauce", "srv/dev/null", "home/run/secrets", ".dockerenv2",
     "run/stackyards", "var/cache/apt/archives/lock", "etc/hosts.allow", "etc/resolv.conf.d/x"],
)  # fmt: skip
def test_what_only_looks_like_it_is_kept(bench: Bench, name: str) -> None:
    assert list(bench.kept(member(name, b""))) == [name]


@pytest.mark.parametrize("name", ["etc/hosts", "etc/hostname", "etc/resolv.conf"])
def test_mount_points_are_left_out_and_files_kept(bench: Bench, name: str) -> None:
    assert not bench.kept(member(name, b""))
    assert bench.kept(member(name, b"127.0.0.1 x\n"))[name].size == 12
    link = member(name, b"", type=tarfile.SYMTYPE, linkname="/run/x")
    assert bench.kept(link)[name].target == "/run/x"


def test_what_nobody_asked_the_engine_to_remove(bench: Bench) -> None:
    names = ["root/.wh.cache", "var/x/.wh..wh..opq", "root/.wh.other"]
    found = bench.kept(
        *(member(name, b"") for name in names), unasked=frozenset({"root/cache", "var/x"})
    )
    assert list(found) == ["root/.wh.other"]


@pytest.mark.parametrize("members", [[], [member("dev", None), member("etc/hosts", b"")]])
def test_nothing_is_no_layer(bench: Bench, members: list[tuple[tarfile.TarInfo, bytes]]) -> None:
    bench.read(*members)
    assert bench.layer is None


def test_one_reader_for_several_archives(bench: Bench) -> None:
    bench.read(member("a"))
    assert bench.back.layer(bench.archive([])) is None
    assert bench.back.layer(bench.archive([member("a")])) == bench.layer


# Hostile archives


@pytest.mark.parametrize(
    "made",
    [
        member("../etc/passwd"),
        member("a/../../b"),
        member("a/..", None),
        member("x/" * 2100 + "x"),
        member("a", b"", type=tarfile.LNKTYPE, linkname="../../etc/shadow"),
        member("", b"x"),
        member("./", b"", type=tarfile.SYMTYPE, linkname="/"),
    ],
)
def test_names_that_leave_the_root(bench: Bench, made: tuple[tarfile.TarInfo, bytes]) -> None:
    error = bench.refused(member("a"), made)
    assert error.message.startswith("reading what the step made: ")
    assert error.hint == "run again; if it stays so, try another engine"
    assert not bench.blobs


def test_an_archive_that_is_cut_off(bench: Bench) -> None:
    path = bench.archive([member("a", b"1" * 5000)])
    path.write_bytes(path.read_bytes()[:2000])
    with pytest.raises(InputError, match="cut"):
        ReadBack(bench.store, SECRETS, generated=False).layer(path)
    assert not bench.blobs


# Secrets


def leak(message: str) -> str | None:
    head, _, path = message.partition(" is in the layer, in /")
    return path if head == "the value of the secret token" else None


@pytest.mark.parametrize(
    ("made", "path"),
    [
        (member("etc/app", b"key=" + VALUE + b";"), "etc/app"),
        (member("big", b"-" * ((1 << 18) - 8) + VALUE), "big"),
        (member(f"opt/{VALUE.decode()}.d", None), f"opt/{VALUE.decode()}.d"),
        (member("l", b"", type=tarfile.SYMTYPE, linkname=VALUE.decode()), "l"),
        (member("var/lib/dpkg/status", STATUS.encode() + VALUE), "var/lib/dpkg/status"),
        (member("a", pax_headers={"SCHILY.xattr.user.k": VALUE.decode()}), "a"),
        (member("h", b"", type=tarfile.LNKTYPE, linkname=VALUE.decode()), "h"),
    ],
)
def test_a_secret_is_found(bench: Bench, made: tuple[tarfile.TarInfo, bytes], path: str) -> None:
    error = bench.refused(member("first"), made, member("last"))
    assert leak(error.message) == path
    assert error.hint is not None
    assert "/run/secrets/token" in error.hint
    assert not bench.blobs, "nor does the store keep it"


def test_a_secret_that_is_no_text_is_found_in_a_name(bench: Bench) -> None:
    secrets = Secrets({"token": b"\xff\xfe0123456789"})
    name = os.fsdecode(b"opt/\xff\xfe0123456789")
    with pytest.raises(InputError, match="the value of the secret token"):
        ReadBack(bench.store, secrets, generated=False).layer(bench.archive([member(name)]))


@pytest.mark.parametrize(
    "made",
    [
        member("a", b"ab"),
        member("run/secrets/token", VALUE),
        member("dev/x", VALUE),
        member("a", VALUE[:-1]),
    ],
)
def test_what_is_no_leak(bench: Bench, made: tuple[tarfile.TarInfo, bytes]) -> None:
    bench.read(made, member("b", VALUE[-1:]))
    assert bench.layer


# Debian packages


def test_packages_are_recorded(bench: Bench) -> None:
    back = bench.read(member("var/lib/dpkg/status", STATUS.encode()))
    assert back.debs == {"git": "1:2.39.5-0+deb12u2", "libc6": "2.36-9"}
    assert bench.read(member("a")).debs is None


@pytest.mark.parametrize(
    ("made", "told"),
    [
        (
            [member("var/lib/dpkg/status", STATUS.replace("ok inst", "ok half-inst", 1).encode())],
            "the step leaves dpkg interrupted or locked: git is half-installed",
        ),
        (
            [member("var/lib/dpkg/updates/0003")],
            "the step leaves dpkg interrupted or locked: var/lib/dpkg/updates/0003",
        ),
        ([member(f"var/lib/dpkg/updates/{i:04}") for i in range(8)], "0005 and 2 more"),
    ],
)
def test_dpkg_that_was_interrupted(
    bench: Bench, made: list[tuple[tarfile.TarInfo, bytes]], told: str
) -> None:
    error = bench.refused(*made)
    assert error.message.endswith(told)
    assert error.hint is not None
    assert "dpkg --configure -a" in error.hint


@pytest.mark.parametrize("name", ["var/lib/dpkg/updates", "var/lib/dpkg/updates/.wh.0001",
                                  "var/lib/dpkg/lock", "var/lib/dpkg/lock-frontend"])  # fmt: skip
def test_dpkg_that_came_to_its_end(bench: Bench, name: str) -> None:
    bench.read(member(name, b""))
    assert bench.back.interrupted == ()


def test_of_what_apt_did_times_and_logs_are_left_out(bench: Bench) -> None:
    made = (
        member("usr/bin/git", b"elf", mtime=1700000000),
        member("var/log/dpkg.log", b"2026-01-01 install"),
        member("var/log/apt", None),
        member("var/cache/ldconfig/aux-cache"),
        member("var/lib/dpkg/status", STATUS.encode()),
        member("var/lib/dpkg/status-old"),
        member("var/lib/apt/lists/x_Packages"),
        member("var/cache/debconf/config.dat-old"),
    )
    found = bench.kept(*made, generated=True)
    kept = ["usr/bin/git", "var/log/dpkg.log", "var/log/apt", "var/lib/dpkg/status"]
    assert list(found) == kept
    assert {entry.mtime for entry in found.values()} == {EPOCH}
    assert found["var/log/dpkg.log"].size == 0
    assert bench.back.debs
    assert len(bench.kept(*made, generated=False)) == len(made)


def test_the_same_packages_give_the_same_layer(bench: Bench) -> None:
    def layer(mtime: int, log: bytes) -> Layer | None:
        bench.read(
            member("usr/bin/git", b"elf", mtime=mtime),
            member("var/log/dpkg.log", log, mtime=mtime),
            generated=True,
        )
        return bench.layer

    assert layer(1, b"then") == layer(2, b"now")
