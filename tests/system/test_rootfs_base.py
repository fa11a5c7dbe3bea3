from __future__ import annotations

import bz2
import gzip
import io
import lzma
import tarfile
import threading
from pathlib import Path

import pytest

from stackyard.errors import InputError, OutsideError
from stackyard.inventory.filesystem import read_files
from stackyard.oci.image import read_image
from stackyard.oci.tar import Kind


def test_a_root_file_system_becomes_an_image(bring, store, root, rootfs) -> None:
    (root / "r.tar").write_bytes(rootfs)
    base = bring("rootfs", "r.tar")
    image = read_image(store, base.manifest)
    fs = read_files(store, image.layers)
    assert base.digest == base.manifest.digest
    assert str(image.platform) == "linux/amd64"
    assert image.config.env["PATH"].startswith("/usr/local/sbin:")
    assert fs.read("etc/copy") == b"ID=toy\n"
    assert fs.stat("dev/null").kind is Kind.CHARACTER
    assert fs.stat("dev/null").entry.device == (1, 3)
    assert fs.stat("etc/mtab", follow=False).entry.target == "/proc/mounts"
    assert fs.stat("etc/os-release").entry.mtime == 1234


def test_compression_makes_no_difference(bring, store, root, rootfs) -> None:
    layers = set()
    for name, data in {
        "plain.tar": rootfs,
        "gzip.tgz": gzip.compress(rootfs),
        "xz.txz": lzma.compress(rootfs),
    }.items():
        (root / name).write_bytes(data)
        image = read_image(store, bring("rootfs", name).manifest)
        layers.add(image.layers[0].descriptor.digest)
    assert len(layers) == 1


def test_the_second_time_is_free_and_a_changed_file_is_seen(bring, root, rootfs) -> None:
    (root / "r.tar").write_bytes(rootfs)
    lines: list[str] = []
    first = bring("rootfs", "r.tar", report=lines.append)
    assert lines
    lines.clear()
    assert bring("rootfs", "r.tar", report=lines.append) == first
    assert bring("rootfs", "r.tar", report=lines.append, pinned=first.digest) == first
    assert lines == []
    (root / "r.tar").write_bytes(rootfs.replace(b"ID=toy", b"ID=two"))
    assert bring("rootfs", "r.tar", pinned=first.digest).digest != first.digest


def test_a_base_whose_blob_was_lost_is_made_again(bring, store, root, rootfs) -> None:
    (root / "r.tar").write_bytes(rootfs)
    first = bring("rootfs", "r.tar")
    layer = read_image(store, first.manifest).layers[0].descriptor.digest
    store.blob_path(layer).unlink()
    assert bring("rootfs", "r.tar") == first
    assert store.has(layer)


def test_two_at_once_make_it_once(bring, root, rootfs) -> None:
    (root / "r.tar").write_bytes(rootfs)
    lines: list[str] = []
    found = []
    both = threading.Barrier(2)

    def work() -> None:
        both.wait()
        found.append(bring("rootfs", "r.tar", report=lines.append))

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found[0] == found[1]
    assert sum("reading it" in line for line in lines) == 1


def evil(name: str, kind: bytes = tarfile.REGTYPE, target: str = "") -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        info = tarfile.TarInfo(name)
        info.type, info.linkname = kind, target
        tar.addfile(info)
    return out.getvalue()


HOSTILE = {
    "up": evil("../etc/passwd"),
    "up inside": evil("a/../../b"),
    "whiteout": evil("etc/.wh.passwd"),
    "link up": evil("x", tarfile.LNKTYPE, "../../etc/shadow"),
    "long": evil("x" * 5000),
    "noise": b"no archive" * 100,
    "empty": b"",
    "no entries": bytes(1024),
    "bzip2": bz2.compress(evil("x")),
    "zstd": b"\x28\xb5\x2f\xfd" + bytes(100),
}


@pytest.mark.parametrize("data", HOSTILE.values(), ids=HOSTILE.keys())
def test_what_is_hostile_or_unreadable_is_refused(bring, root, data: bytes) -> None:
    (root / "r.tar").write_bytes(data)
    with pytest.raises(InputError) as raised:
        bring("rootfs", "r.tar")
    assert "r.tar" in raised.value.message
    assert raised.value.hint


def test_a_cut_off_file_is_refused(bring, root, rootfs) -> None:
    (root / "plain.tar").write_bytes(rootfs[:1900])
    with pytest.raises(InputError, match="cut off"):
        bring("rootfs", "plain.tar")
    (root / "r.tgz").write_bytes(gzip.compress(rootfs)[:-30])
    with pytest.raises(OutsideError, match="damaged"):
        bring("rootfs", "r.tgz")


def test_paths_stay_in_the_project(bring, root: Path, tmp_path: Path, rootfs) -> None:
    (tmp_path / "outside.tar").write_bytes(rootfs)
    (root / "link.tar").symlink_to(tmp_path / "outside.tar")
    (root / "loop").symlink_to("loop")
    (root / "dir").mkdir()
    for value in ("../outside.tar", "link.tar", str(tmp_path / "outside.tar")):
        with pytest.raises(InputError, match="outside"):
            bring("rootfs", value)
    for value in ("missing.tar", "loop", "a\0b"):
        with pytest.raises(InputError, match="not there"):
            bring("rootfs", value)
    for kind in ("rootfs", "oci"):
        with pytest.raises(InputError):
            bring(kind, "dir")


def test_apt_needs_debian(bring, root, rootfs) -> None:
    (root / "r.tar").write_bytes(rootfs)
    with pytest.raises(InputError, match="git"):
        bring("rootfs", "r.tar", apt=["git"])


def test_a_platform_that_is_none(bring) -> None:
    with pytest.raises(InputError, match="platform"):
        bring("debian", "bookworm", platform="amd64")
