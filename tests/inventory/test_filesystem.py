from __future__ import annotations

import io
import tarfile

import pytest

from stackyard.errors import InputError
from stackyard.inventory import filesystem
from stackyard.inventory.filesystem import read_files
from stackyard.oci.layer import layer_from_tar


def test_upper_layers_win_and_whiteouts_hide(image) -> None:
    fs = image(
        {"etc/a": "old", "etc/b": "b", "opt/x/y": "y", "srv/old": "o"},
        {"etc/a": "new", "etc/.wh.b": "", "opt/.wh.x": "", "srv/.wh..wh..opq": "", "srv/n": "n"},
    )
    assert fs.read("/etc/a") == b"new"
    assert fs.listdir("etc") == ["a"]
    assert fs.listdir("opt") == []
    assert not fs.exists("opt/x/y")
    assert fs.listdir("srv") == ["n"]


def test_a_whiteout_does_not_hide_its_own_layer(image) -> None:
    fs = image({"d/a": "1", "d/b": "1"}, {"d/a": "2", "d/.wh..wh..opq": "", "d/.wh.a": ""})
    assert fs.listdir("d") == ["a"]
    assert fs.read("d/a") == b"2"


def test_a_file_replaces_a_directory_and_back(image) -> None:
    fs = image({"a/b/c": "1", "x": "file"}, {"a": "file", "x": None, "x/y": "2"})
    assert fs.read("a") == b"file"
    assert not fs.exists("a/b")
    assert fs.read("x/y") == b"2"


def test_links_stay_inside_the_root(image, link) -> None:
    fs = image(
        {
            "usr/bin/python3": link("python3.11"),
            "usr/bin/python3.11": "elf",
            "bin": link("usr/bin"),
            "abs": link("/bin/python3"),
            "up": link("../../../../usr/bin/python3"),
            "loop": link("loop2"),
            "loop2": link("loop"),
            "dangling": link("nowhere"),
        }
    )
    assert fs.resolve("/bin/python3") == "usr/bin/python3.11"
    assert fs.resolve("abs") == fs.resolve("up") == "usr/bin/python3.11"
    assert fs.resolve("/../../bin/../bin/./python3") == "usr/bin/python3.11"
    assert fs.resolve("loop") is None
    assert fs.resolve("loop/x") is None
    assert fs.resolve("dangling") is None
    assert fs.resolve("usr/bin/python3.11/x") is None
    assert fs.stat("dangling", follow=False) is not None


def test_entries_below_a_linked_directory_land_where_it_leads(image, link) -> None:
    fs = image({"usr/lib": None, "lib": link("usr/lib")}, {"lib/x.so": "1"})
    assert fs.listdir("usr/lib") == ["x.so"]
    assert fs.read("lib/x.so") == b"1"


def test_hard_links_are_the_file(image, link) -> None:
    fs = image({"a": "one"}, {"b": link("./a", hard=True)}, {"a": "two"})
    assert fs.read("b") == b"one"
    assert fs.read("a") == b"two"


def test_the_last_of_one_name_in_a_layer_counts(store, image, tar_of) -> None:
    both = tar_of({"etc/passwd": "1st"})[:1024] + tar_of({"etc/passwd": "2nd"})
    fs = read_files(store, [layer_from_tar(store, io.BytesIO(both))])
    assert fs.read("etc/passwd") == b"2nd"


@pytest.mark.parametrize("name", ["../x", "a/../../x", "a/..", "x" * 5000])
def test_names_that_leave_the_root_are_refused(image, name: str) -> None:
    with pytest.raises(InputError):
        image({name: "evil"})


def test_a_hard_link_to_nothing_is_refused(image, link) -> None:
    with pytest.raises(InputError, match="hard link"):
        image({"a": link("/etc/shadow", hard=True)})


def test_a_link_that_loops_on_the_way_is_refused(image, link) -> None:
    with pytest.raises(InputError, match="loop"):
        image({"a": link("b"), "b": link("a")}, {"a/x": "1"})


def test_reading_is_bounded(image) -> None:
    fs = image({"big": b"x" * 5000})
    assert len(fs.read("big", limit=5000)) == 5000
    with pytest.raises(InputError, match="5000 bytes"):
        fs.read("big", limit=4999)
    with pytest.raises(InputError, match="no file"):
        fs.read("missing")
    assert fs.text("missing") is None


def test_files_that_were_not_kept_are_read_again(image, monkeypatch) -> None:
    monkeypatch.setattr(filesystem, "_KEPT_SIZE", 3)
    fs = image({"etc/passwd": "long enough", "etc/group": "abc", "var/x": "y"})
    assert [fs.text(p) for p in ("etc/passwd", "etc/group", "var/x")] == ["long enough", "abc", "y"]


def test_deep_trees_do_not_exhaust_the_stack(image) -> None:
    deep = "/".join(["d"] * 1900)
    fs = image({f"{deep}/x": "1"}, {".wh.d": ""})
    assert fs.listdir("") == []


def test_kinds_and_modes(image) -> None:
    device = tarfile.TarInfo()
    device.type, device.devmajor, device.devminor, device.mode = tarfile.CHRTYPE, 1, 3, 0o666
    fs = image({"dev/null": device, "d": None, "usr/bin/x": "1"})
    null = fs.stat("dev/null")
    assert null is not None
    assert null.entry.device == (1, 3)
    assert fs.is_dir("d")
    assert not fs.is_file("dev/null")
    assert fs.stat("usr/bin/x").entry.mode == 0o755
