from __future__ import annotations

import base64
import csv
import dataclasses
import gzip
import hashlib
import io
import multiprocessing
import random
import stat
import tarfile
import zipfile
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pytest

from stackyard.errors import OutsideError
from stackyard.oci.cache import Cache
from stackyard.oci.store import Store
from stackyard.pack import wheelentry
from stackyard.pack.group import pack_group
from stackyard.pack.segment import cached_segment, pack_segment, read_index
from stackyard.pack.task import packing_cost, segment_key

SITE = "usr/local/lib/python3.11/dist-packages"
ODD = 'demo/ünï ,"x".txt'
RANDOM = random.Random
SCRIPTS = ("demo", "demo-gui", "demo-sub", "shell", "tool")
MIXED = {
    "demo/__init__.py": b"VALUE = 1\n",
    "demo/deep/er/data.bin": bytes(range(256)) * 3,
    "demo-1.0.data/scripts/tool": b"#!python -E\nprint('tool')\n",
    "demo-1.0.data/scripts/shell": b"#!/bin/sh\necho\n",
    "demo-1.0.data/data/share/jupyter/labextensions/demo/package.json": b"{}",
    "demo-1.0.data/data/etc/jupyter/demo.json": b"{}\n",
    "demo-1.0.data/headers/demo.h": b"#define DEMO\n",
    "demo-1.0.data/purelib/pure.py": b"PURE = 1\n",
    "demo-1.0.data/platlib/plat.py": b"PLAT = 1\n",
    "demo-1.0.dist-info/entry_points.txt": (
        b"[console_scripts]\ndemo = demo.cli:main\ndemo-sub = demo:Cls.run [extra]\n"
        b"[gui_scripts]\ndemo-gui = demo.gui:main\n[demo.plugins]\nx = demo:x\n"
    ),
}


def test_a_wheel_is_installed_where_the_scheme_says(packer):
    found = packer.unpack(packer.wheel("demo", "1.0", MIXED))
    files = {name: data for name, (member, data) in found.items() if member.isreg()}
    info = f"{SITE}/demo-1.0.dist-info"
    assert set(files) == {
        f"{SITE}/demo/__init__.py",
        f"{SITE}/demo/deep/er/data.bin",
        f"{SITE}/pure.py",
        f"{SITE}/plat.py",
        "usr/local/bin/tool",
        "usr/local/bin/shell",
        "usr/local/bin/demo",
        "usr/local/bin/demo-sub",
        "usr/local/bin/demo-gui",
        "usr/local/share/jupyter/labextensions/demo/package.json",
        "usr/local/etc/jupyter/demo.json",
        "usr/local/include/python3.11/demo/demo.h",
        *(f"{info}/{n}" for n in ("METADATA", "WHEEL", "RECORD", "INSTALLER", "entry_points.txt")),
    }
    assert files[f"{SITE}/demo/deep/er/data.bin"] == MIXED["demo/deep/er/data.bin"]
    assert files[f"{info}/INSTALLER"] == b"stackyard\n"
    assert files["usr/local/bin/tool"] == b"#!/usr/bin/python3.11\nprint('tool')\n"
    assert files["usr/local/bin/shell"] == b"#!/bin/sh\necho\n"
    script = files["usr/local/bin/demo-sub"].decode()
    assert script.startswith("#!/usr/bin/python3.11\n")
    assert "from demo import Cls" in script
    assert "Cls.run()" in script
    compile(script, "demo-sub", "exec")


def test_record_has_each_file_with_its_hash_as_seen_from_site_packages(packer):
    found = packer.unpack(packer.wheel("demo", "1.0", MIXED))
    record = f"{SITE}/demo-1.0.dist-info/RECORD"
    rows = list(csv.reader(io.StringIO(found[record][1].decode())))
    assert rows == sorted(rows)
    seen = {}
    for path, digest, size in rows:
        name = str(Path("/", SITE, path).resolve()).lstrip("/")
        data = found[name][1]
        seen[name] = data
        if name == record:
            assert (digest, size) == ("", "")
            continue
        value = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).decode().rstrip("=")
        assert (digest, size) == (f"sha256={value}", str(len(data)))
    assert set(seen) == {name for name, (member, _) in found.items() if member.isreg()}
    assert any(row[0] == "../../../bin/tool" for row in rows)


def test_entries_are_sorted_owned_by_root_and_timeless_after_their_directories(packer):
    found = [member for member, _ in packer.unpack(packer.wheel("demo", "1.0", MIXED)).values()]
    directories = [m.name for m in found if m.isdir()]
    files = [m.name for m in found if m.isreg()]
    assert [m.name for m in found] == directories + files
    assert directories == sorted(directories)
    assert files == sorted(files)
    assert {(m.uid, m.gid, m.uname, m.gname, m.mtime) for m in found} == {(0, 0, "", "", 315532800)}
    assert f"{SITE}/demo/deep" in directories
    assert "usr/local/lib" in directories
    # As links in base images, these would be replaced.
    assert not {"usr", "usr/local", "usr/lib", "bin"} & set(directories)
    executables = {m.name for m in found if m.isreg() and m.mode == 0o755}
    assert executables == {f"usr/local/bin/{n}" for n in SCRIPTS}
    assert {m.mode for m in found if m.name not in executables} == {0o644, 0o755}


def test_executables_keep_their_bit_and_lose_the_rest(packer):
    run = packer.file_info("demo/run", 0o100755)
    odd = packer.file_info("demo/odd", 0o106777)
    windows = zipfile.ZipInfo("demo/dos", (2024, 1, 1, 0, 0, 0))
    windows.create_system = 0
    files = packer.wheel_files("demo", "1.0", {})
    data = packer.zip_bytes(
        [
            *files.items(),
            (run, b"1"),
            (odd, b"2"),
            (windows, b"3"),
        ]
    )
    found = packer.unpack(packer.segment("demo-1.0-py3-none-any.whl", data))
    modes = {name.rpartition("/")[2]: stat.S_IMODE(m.mode) for name, (m, _) in found.items()}
    assert (modes["run"], modes["odd"], modes["dos"]) == (0o755, 0o755, 0o644)


def test_what_somebody_asked_for_is_marked(packer):
    data = packer.zip_bytes(list(packer.wheel_files("demo", "1.0", {}).items()))
    name = "demo-1.0-py3-none-any.whl"
    plain, asked = (packer.segment(name, data, requested=r) for r in (False, True))
    marker = f"{SITE}/demo-1.0.dist-info/REQUESTED"
    assert marker not in read_index(plain)
    assert packer.unpack(asked)[marker][1] == b""
    assert plain.key != asked.key


def test_a_platform_wheel_goes_to_platlib(packer, tmp_path):
    data = packer.zip_bytes(
        list(packer.wheel_files("demo", "1.0", {"demo.py": b""}, pure=False).items())
    )
    scheme = dataclasses.replace(packer.task_for("x", b"").scheme, platlib="usr/lib64/p")
    segment = packer.segment("demo-1.0-py3-none-any.whl", data, scheme=scheme)
    assert "usr/lib64/p/demo.py" in read_index(segment)


def test_bytecode_that_came_along_is_left_out_also_of_record(packer):
    files = {"demo/__pycache__/x.cpython-311.pyc": b"evil", "demo/x.py": b""}
    found = packer.unpack(packer.wheel("demo", "1.0", files))
    assert not any("__pycache__" in name for name in found)
    assert b"__pycache__" not in found[f"{SITE}/demo-1.0.dist-info/RECORD"][1]


def test_the_script_of_an_entry_point_wins_over_one_in_the_wheel(packer):
    files = {
        "demo-1.0.data/scripts/demo": b"#!python\nold\n",
        "demo-1.0.dist-info/entry_points.txt": b"[console_scripts]\ndemo = demo:main\n",
    }
    found = packer.unpack(packer.wheel("demo", "1.0", files))
    assert b"from demo import main" in found["usr/local/bin/demo"][1]


def test_names_may_be_normalised_in_another_way_than_the_file_name(packer):
    files = packer.wheel_files("Demo.Pack", "1.0.0", {"Demo.Pack-1.0.0.data/data/share/x": b""})
    segment = packer.segment("demo_pack-1.0-py3-none-any.whl", packer.zip_bytes([*files.items()]))
    assert "usr/local/share/x" in read_index(segment)


@pytest.mark.parametrize("pieces", [False, True])
def test_long_streams_are_taken_as_they_are(packer, monkeypatch, pieces):
    if pieces:
        monkeypatch.setattr(wheelentry, "_WHOLE_TO", 1000)
        monkeypatch.setattr(wheelentry, "_PIECE", 4096)
    long = RANDOM(7).randbytes(90_000) * 2
    data = packer.zip_bytes(
        list(packer.wheel_files("demo", "1.0", {"demo/long.so": long, "demo/x.py": b"1"}).items())
    )
    segment = packer.segment("demo-1.0-py3-none-any.whl", data)
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        info = archive.getinfo("demo/long.so")
    start = info.header_offset + 30 + len(info.filename)
    assert data[start : start + info.compress_size] in segment.path.read_bytes()
    assert packer.unpack(segment)[f"{SITE}/demo/long.so"][1] == long


def test_stored_empty_and_oddly_named_files(packer):
    files = packer.wheel_files(
        "demo", "1.0", {"demo/empty.py": b"", 'demo/ünï ,"x".txt': b"u", f"demo/{'n' * 180}": b"n"}
    )
    stored = zipfile.ZipInfo("demo/stored.so", (2024, 1, 1, 0, 0, 0))
    long = RANDOM(1).randbytes(1_300_000)
    data = packer.zip_bytes([*files.items(), (stored, long)])
    found = packer.unpack(packer.segment("demo-1.0-py3-none-any.whl", data))
    assert found[f"{SITE}/demo/stored.so"][1] == long
    assert found[f'{SITE}/demo/ünï ,"x".txt'][1] == b"u"
    assert found[f"{SITE}/demo/{'n' * 180}"][1] == b"n"
    rows = csv.reader(io.StringIO(found[f"{SITE}/demo-1.0.dist-info/RECORD"][1].decode()))
    assert 'demo/ünï ,"x".txt' in {row[0] for row in rows}


def test_a_segment_is_made_once(packer):
    first = packer.wheel("demo", "1.0", MIXED)
    before = first.path.stat().st_mtime_ns
    assert packer.wheel("demo", "1.0", MIXED) == first
    assert first.path.stat().st_mtime_ns == before


@pytest.mark.parametrize("harm", ["index", "cut index", "cut run"])
def test_a_segment_of_which_a_part_is_lost_is_made_again(packer, harm):
    first = packer.wheel("demo", "1.0", MIXED)
    whole = first.path.read_bytes()
    if harm == "index":
        first.index.unlink()
    elif harm == "cut index":
        first.index.write_bytes(b'{"size"')
    else:
        first.path.write_bytes(whole[:-1])
    assert cached_segment(packer.store.cache("segments"), first.key) is None
    assert packer.wheel("demo", "1.0", MIXED) == first
    assert first.path.read_bytes() == whole


def test_a_group_is_its_segments_one_after_the_other(packer):
    one = packer.wheel("one", "1.0", {"ns/one.py": b"1"})
    two = packer.wheel("two", "2.0", {"ns/two.py": b"2"})
    layer = pack_group(packer.store, [one, two])
    blob = packer.store.blob_path(layer.descriptor.digest).read_bytes()
    assert one.path.read_bytes() + two.path.read_bytes() in blob


def test_no_path_stands_twice_in_a_group(packer):
    """Podman and docker refuse an archive in which one does."""
    shared = {"ns/__init__.py": b"# both bring it", "ns/deep/a.py": b""}
    one = packer.wheel("one", "1.0", shared | {"ns/one.py": b"1"})
    two = packer.wheel("two", "2.0", shared | {"ns/two.py": b"2" * 70_000})
    layer = pack_group(packer.store, [one, two])
    blob = packer.store.blob_path(layer.descriptor.digest).read_bytes()
    data = gzip.decompress(blob)
    assert f"sha256:{hashlib.sha256(data).hexdigest()}" == layer.diff_id
    assert len(data) == layer.size
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        names = archive.getnames()
        assert archive.extractfile(f"{SITE}/ns/two.py").read() == b"2" * 70_000
    assert len(names) == len(set(names))
    assert {f"{SITE}/ns/one.py", f"{SITE}/ns/two.py", f"{SITE}/ns/deep/a.py"} <= set(names)


def test_what_two_segments_share_is_in_a_group_once(packer):
    large = RANDOM(9).randbytes(30_000)
    one = packer.wheel("one", "1.0", {"ns/__init__.py": b"", "ns/one.py": b"1", "ns/big": large})
    two = packer.wheel("two", "2.0", {"ns/__init__.py": b"", "ns/two.py": b"2", "ns/big": large})
    found = packer.unpack(one, two)  # which refuses a path that stands twice
    assert {"__init__.py", "one.py", "two.py", "big"} <= {n.rpartition("/")[2] for n in found}
    assert found[f"{SITE}/ns/big"][1] == large
    assert f"{SITE}/two-2.0.dist-info/RECORD" in found


def test_a_damaged_segment_makes_no_group(packer):
    one = packer.wheel("one", "1.0", {"ns/one.py": b"1"})
    one.path.write_bytes(one.path.read_bytes()[:-20])
    with pytest.raises(OutsideError, match="damaged"):
        pack_group(packer.store, [one])
    one.path.unlink()
    with pytest.raises(OutsideError, match="No such file"):
        pack_group(packer.store, [one])


def test_an_empty_group_is_an_empty_archive(packer):
    assert packer.unpack() == {}


def test_the_same_wheel_gives_the_same_bytes_in_another_process(packer, tmp_path):
    data = packer.zip_bytes(list(packer.wheel_files("demo", "1.0", MIXED).items()))
    task = packer.task_for("demo-1.0-py3-none-any.whl", data)
    path = tmp_path / "w"
    path.write_bytes(data)
    here = pack_segment(task, path, packer.store.cache("segments"), None)
    other = Store.open(tmp_path / "other").cache("segments")
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        there = pool.submit(pack_segment, task, path, other, None).result()
    assert there.path.read_bytes() == here.path.read_bytes()
    assert there.diff_id == here.diff_id
    assert there.index.read_bytes() == here.index.read_bytes()


def test_the_bytes_have_not_changed(packer):
    """A golden digest: when it changes, so must PACKER_VERSION."""
    whole = packer.wheel_files(
        "demo", "1.0", {**MIXED, "demo/large.so": RANDOM(3).randbytes(40_000)}
    )
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in whole.items():
            # Level 0 is DEFLATE without compression: the same with every zlib.
            archive.writestr(packer.file_info(name), content, compresslevel=0)
    segment = packer.segment("demo-1.0-py3-none-any.whl", out.getvalue())
    layer = pack_group(packer.store, [segment])
    assert (segment.diff_id, layer.descriptor.digest) == (
        "sha256:cc668d54cae51d16646957fd7df584730ce191195293cedcef83be3dea2128a6",
        "sha256:465162fc7f6e64cbac2d04235914431baea1f876ec6ff66af979483b05526606",
    )


def test_the_key_has_everything_that_decides_the_bytes(packer):
    task = packer.task_for("demo-1.0-py3-none-any.whl", b"x")
    others = [
        {"filename": "demo-1.1-py3-none-any.whl"},
        {"sha256": "0" * 64},
        {"scheme": dataclasses.replace(task.scheme, headers="usr/include")},
        {"interpreter": "/usr/bin/python3"},
        {"python_minor": "3.13"},
        {"requested": True},
        {"bytecode": True},
    ]
    keys = {segment_key(dataclasses.replace(task, **change)) for change in others}
    assert len(keys | {segment_key(task)}) == len(others) + 1


def test_modules_cost_most(packer):
    pure = packer.task_for("demo-1.0-py3-none-any.whl", b"x", bytecode=True)
    built = packer.task_for("demo-1.0-cp311-cp311-linux_x86_64.whl", b"x", bytecode=True)
    assert packing_cost(pure, 10) > packing_cost(built, 10) > 10


def test_another_file_than_the_locked_one_is_refused(packer, tmp_path):
    data = packer.zip_bytes(list(packer.wheel_files("demo", "1.0", {}).items()))
    task = packer.task_for("demo-1.0-py3-none-any.whl", data)
    path = tmp_path / "w"
    cache = packer.store.cache("segments")
    for content in (data[:-1], b"", data + b"x"):
        path.write_bytes(content)
        with pytest.raises(OutsideError, match=r"demo-1\.0-py3-none-any\.whl: its sha256 is"):
            pack_segment(task, path, cache, None)
    path.unlink()
    with pytest.raises(OutsideError, match=r"reading demo-1\.0-py3-none-any\.whl: No such file"):
        pack_segment(task, path, cache, None)
    assert not cache.directory.exists()


def test_a_full_disk_is_said_clearly(packer, tmp_path):
    data = packer.zip_bytes(list(packer.wheel_files("demo", "1.0", MIXED).items()))
    path = tmp_path / "w"
    path.write_bytes(data)
    task = packer.task_for("demo-1.0-py3-none-any.whl", data)
    blocked = tmp_path / "blocked"
    blocked.write_text("a file where a folder should be")
    with pytest.raises(OutsideError, match="writing to"):
        pack_segment(task, path, Cache(blocked / "x", blocked), None)
