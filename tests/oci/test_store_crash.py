"""Kill -9 in the middle, a full disk: nothing half-written, and the next run is whole."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from stackyard.errors import OutsideError
from stackyard.oci.scratch import has_mounts
from stackyard.oci.store import Store

WRITE_FOREVER = """
import sys
from pathlib import Path
from stackyard.oci.store import Store
store = Store.open(Path(sys.argv[1]))
with store.scratch() as scratch, store.cache("c").create("k") as file, store.writer() as writer:
    (scratch / "deep").mkdir()
    (scratch / "deep" / "x").write_text("x")
    file.write(bytes(5_000_000))
    writer.write(bytes(5_000_000))
    print("writing", flush=True)
    sys.stdin.read()
"""


@contextmanager
def writing(root: Path) -> Iterator[subprocess.Popen[str]]:
    """A process in the middle of writing to the store."""
    process = subprocess.Popen(
        [sys.executable, "-c", WRITE_FOREVER, root],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        assert process.stdout is not None
        assert process.stdout.readline() == "writing\n"
        try:
            yield process
        finally:
            process.kill()


def test_leftovers_of_a_killed_process_go_and_those_of_a_live_one_stay(tmp_path: Path) -> None:
    store = Store.open(tmp_path)
    store.tag("x", store.put(b"{}", "text/plain"))
    with writing(tmp_path) as live, writing(tmp_path) as killed:
        assert len(list(tmp_path.glob("tmp/*/*"))) == 6
        os.kill(killed.pid, signal.SIGKILL)
        killed.wait()
        again = Store.open(tmp_path)
        left = list(tmp_path.glob("tmp/*/*"))
        assert len(left) == 3
        assert len({path.parent for path in left}) == 1
        assert live.poll() is None
    assert again.tags() == store.tags()
    assert again.cache("c").get("k") is None
    assert [path.name for path in tmp_path.glob("blobs/sha256/*")] == [
        digest.removeprefix("sha256:") for digest in [store.tags()["x"].digest]
    ]


def test_after_the_last_process_only_this_ones_place_is_left(tmp_path: Path) -> None:
    with writing(tmp_path):
        pass
    store = Store.open(tmp_path)
    store.put(b"x", "text/plain")
    assert len(list(tmp_path.glob("tmp/*.lock"))) == 1
    assert len(list(tmp_path.glob("tmp/*"))) == 2


def test_a_place_that_a_power_failure_left_without_its_lock_goes(tmp_path: Path) -> None:
    Store.open(tmp_path)
    (tmp_path / "tmp" / "0123" / "deep").mkdir(parents=True)
    Store.open(tmp_path)
    assert not (tmp_path / "tmp" / "0123").exists()


def test_what_has_something_mounted_in_it_is_known(tmp_path: Path) -> None:
    assert has_mounts(Path("/"))
    assert not has_mounts(tmp_path)


@contextmanager
def at_most(size: int) -> Iterator[None]:
    """No file may grow beyond *size* bytes, as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("size", [100_000, 8_000_000])
def test_a_full_disk_is_an_error_and_leaves_nothing(store: Store, size: int) -> None:
    data = os.urandom(size)
    with at_most(10_000):
        with pytest.raises(OutsideError, match="writing a blob"):
            store.put(data, "text/plain")
        with (
            pytest.raises(OutsideError, match="writing to") as caught,
            store.cache("c").create("k") as file,
        ):
            file.write(data)
        with pytest.raises(OutsideError, match="writing"):
            store.remember("m", "k", {"x": "x" * 20_000})
    assert "make room" in str(caught.value.hint)
    assert list((store.root / "tmp").glob("*/*")) == []
    assert list((store.root / "blobs" / "sha256").iterdir()) == []
    assert store.cache("c").get("k") is None
    assert store.recall("m", "k") is None
    assert store.read(store.put(data, "text/plain").digest) == data


@pytest.mark.real
def test_a_really_full_disk(tmp_path: Path) -> None:
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", tmp_path], check=True)
    try:
        store = Store.open(tmp_path / "store")
        store.tag("x", store.put(b"{}", "text/plain"))
        with pytest.raises(OutsideError, match="No space left") as caught:
            store.put(os.urandom(5_000_000), "text/plain")
        assert "make room" in str(caught.value.hint)
        assert list(tmp_path.glob("store/tmp/*/*")) == []
        store.put(os.urandom(1_000_000), "text/plain")
        assert list(Store.open(tmp_path / "store").tags()) == ["x"]
    finally:
        # lazily: this process holds its lock in there until it ends
        subprocess.run(["umount", "--lazy", tmp_path], check=True)
