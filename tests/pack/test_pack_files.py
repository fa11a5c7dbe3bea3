from __future__ import annotations

import os
import socket
import stat

import pytest

from stackyard.errors import InputError, OutsideError
from stackyard.pack import files as files_module
from stackyard.pack.files import Folder, pack_files
from stackyard.stack.values import FileEntry


@pytest.fixture
def root(tmp_path):
    root = tmp_path / "project"
    (root / "etc" / "deep").mkdir(parents=True)
    (root / "etc" / "b.conf").write_bytes(b"b\n")
    (root / "etc" / "a.sh").write_bytes(b"#!/bin/sh\n")
    (root / "etc" / "a.sh").chmod(0o750)
    (root / "etc" / "deep" / "c").write_bytes(b"c" * 3_000_000)
    (root / "etc" / "link").symlink_to("deep/c")
    (root / ".git").mkdir()
    (root / ".git" / "HEAD").write_bytes(b"ref\n")
    (root / "secret").write_bytes(b"")
    return root


@pytest.fixture
def packed(store, root, packer):
    def pack(*entries, folders=None):
        return packer.unpack_layer(pack_files(store, root, entries, folders))

    return pack


def test_a_directory_is_taken_whole_and_sorted(packed):
    found = packed(FileEntry("etc", "/opt/demo/etc"))
    assert list(found) == [
        "opt/demo",
        "opt/demo/etc",
        "opt/demo/etc/a.sh",
        "opt/demo/etc/b.conf",
        "opt/demo/etc/deep",
        "opt/demo/etc/deep/c",
        "opt/demo/etc/link",
    ]
    assert found["opt/demo/etc/deep/c"][1] == b"c" * 3_000_000
    assert found["opt/demo/etc/link"][0].linkname == "deep/c"
    assert found["opt/demo/etc/link"][0].issym()
    modes = {name.rpartition("/")[2]: m.mode for name, (m, _) in found.items() if not m.issym()}
    assert modes == {
        "demo": 0o755,
        "etc": 0o755,
        "deep": 0o755,
        "a.sh": 0o755,
        "b.conf": 0o644,
        "c": 0o644,
    }
    assert {(m.uid, m.gid, m.mtime) for m, _ in found.values()} == {(0, 0, 315532800)}


def test_mode_and_owner_are_as_asked_and_git_is_nothing_special(packed):
    found = packed(
        FileEntry("etc/b.conf", "/etc/demo.conf", mode=0o600, uid=7, gid=8),
        FileEntry(".git", "/srv/git", uid=1000, gid=100),
    )
    conf = found["etc/demo.conf"][0]
    assert (conf.mode, conf.uid, conf.gid) == (0o600, 7, 8)
    assert found["srv/git/HEAD"][1] == b"ref\n"
    assert found["srv/git"][0].uid == 1000
    assert set(found) == {"etc/demo.conf", "srv/git", "srv/git/HEAD"}


def test_parents_belong_to_the_owner_of_the_nearest_known_folder(packed):
    found = packed(
        FileEntry("etc/b.conf", "/home/jovyan/.config/demo/b.conf", uid=1000, gid=100),
        folders={"home/jovyan": Folder(0o775, 1000, 100)},
    )
    owners = {name: (m.mode, m.uid, m.gid) for name, (m, _) in found.items()}
    assert owners == {
        "home/jovyan": (0o775, 1000, 100),
        "home/jovyan/.config": (0o755, 1000, 100),
        "home/jovyan/.config/demo": (0o755, 1000, 100),
        "home/jovyan/.config/demo/b.conf": (0o644, 1000, 100),
    }


@pytest.mark.parametrize("target", ["/tmp/x", "/bin/x", "/lib64/x", "/usr/bin/x", "/var/run/x"])
def test_directories_that_may_be_links_are_not_replaced(packed, target):
    assert list(packed(FileEntry("secret", target))) == [target[1:]]


def test_the_later_entry_counts(packed):
    found = packed(FileEntry("etc", "/opt/x"), FileEntry("secret", "/opt/x/b.conf"))
    assert found["opt/x/b.conf"][1] == b""


def test_the_same_files_give_the_same_bytes(store, root):
    entries = [FileEntry("etc", "/opt/demo")]
    first = pack_files(store, root, entries)
    os.utime(root / "etc" / "b.conf", (1, 1))
    (root / "etc" / "b.conf").chmod(0o600)
    assert pack_files(store, root, entries) == first


def test_no_entries_give_an_empty_layer(packed):
    assert packed() == {}


@pytest.mark.parametrize(
    "source", ["../outside", "etc/../../outside", "out", "out/x", "/etc/passwd"]
)
def test_sources_outside_the_project(packed, root, source):
    (root.parent / "outside").mkdir()
    (root.parent / "outside" / "x").write_bytes(b"")
    (root / "out").symlink_to("../outside")
    with pytest.raises(InputError, match="not in the project"):
        packed(FileEntry(source, "/x/y"))


@pytest.mark.parametrize("target", ["../../outside/x", "/etc/passwd", "../../../../etc/passwd"])
def test_links_that_lead_out(packed, root, target):
    (root / "etc" / "evil").symlink_to(target)
    with pytest.raises(InputError, match="leads out of the project"):
        packed(FileEntry("etc", "/x"))


def test_links_in_a_circle(packed, root):
    (root / "etc" / "round").symlink_to("round")
    (root / "loop").symlink_to("loop")
    for source in ("etc", "loop"):
        with pytest.raises(InputError, match=r"leads to itself|no such file"):
            packed(FileEntry(source, "/x"))


def test_what_is_not_there(packed):
    with pytest.raises(InputError, match="no such file"):
        packed(FileEntry("nowhere", "/x"))


@pytest.mark.parametrize("target", ["/", "/a/../b", "", "/a//b", "/a\\b"])
def test_targets_that_are_no_place(packed, target):
    with pytest.raises(InputError, match="no place for a file"):
        packed(FileEntry("secret", target))


def test_a_file_and_a_directory_at_one_place(packed):
    with pytest.raises(InputError, match="/opt/x is a file and a directory"):
        packed(FileEntry("secret", "/opt/x"), FileEntry("secret", "/opt/x/y"))


def test_devices_pipes_and_sockets(packed, root):
    os.mkfifo(root / "etc" / "fifo")
    with pytest.raises(InputError, match="a device, a pipe or a socket"):
        packed(FileEntry("etc", "/x"))
    (root / "etc" / "fifo").unlink()
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(root / "etc" / "s"))
        with pytest.raises(InputError, match="a device, a pipe or a socket"):
            packed(FileEntry("etc", "/x"))


@pytest.mark.parametrize("change", [b"longer than before", b""])
def test_files_that_change_while_they_are_read(store, root, monkeypatch, change):
    real = files_module.layer_of

    def changing(store, entries):
        (root / "etc" / "b.conf").write_bytes(change)
        return real(store, entries)

    monkeypatch.setattr(files_module, "layer_of", changing)
    with pytest.raises(OutsideError, match="changed while it was read"):
        pack_files(store, root, [FileEntry("etc", "/x")])


def test_what_cannot_be_read_is_said_clearly(packed, root, monkeypatch):
    (root / "etc" / ("n" * 200)).mkdir()
    real = os.open

    def refusing(path, *args, **kwargs):
        if str(path).endswith("b.conf"):
            raise PermissionError(13, "Permission denied")
        return real(path, *args, **kwargs)

    monkeypatch.setattr(files_module.os, "open", refusing)
    with pytest.raises(OutsideError, match=r"b\.conf: Permission denied"):
        packed(FileEntry("etc", "/x"))


def test_setuid_is_kept_when_asked_for(packed):
    found = packed(FileEntry("etc/a.sh", "/opt/a", mode=0o4755))
    assert stat.S_IMODE(found["opt/a"][0].mode) == 0o4755
