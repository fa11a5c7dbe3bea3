"""Builds that are killed, stopped, run twice at once, or run out of disk."""

from __future__ import annotations

import hashlib
import os
import random
import resource
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from yard import Yard


def processes_of(yard: Yard) -> list[int]:
    """Every process that has the project's or the store's folder in its surroundings."""
    marker = f"STACKYARD_STORE={yard.store}".encode()
    found = []
    for path in Path("/proc").glob("[0-9]*/environ"):
        try:
            if marker in path.read_bytes().split(b"\0"):
                found.append(int(path.parent.name))
        except OSError:
            continue
    return found


def all_gone(yard: Yard) -> bool:
    deadline = time.monotonic() + 10
    while processes_of(yard):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def whole(yard: Yard) -> None:
    """Nothing in the store is half-written, and the next run leaves nothing over."""
    yard.run("plan")  # opening the store sweeps what the dead left
    for blob in (yard.store / "blobs" / "sha256").iterdir():
        assert hashlib.sha256(blob.read_bytes()).hexdigest() == blob.name
    assert list((yard.store / "tmp").iterdir()) == []
    assert not list(yard.store.rglob("*.part"))


@pytest.mark.parametrize("seed", range(2))
def test_kill_9_at_any_moment(locked: Yard, built: Yard, tmp_path: Path, seed: int) -> None:
    undisturbed = built.digests()
    shutil.rmtree(built.store)
    moment = random.Random(seed)  # noqa: S311 - a moment, not a secret
    killed, latest = 0, 1.2
    while killed < 3:
        with locked.start("build") as process:
            time.sleep(latest / 4 + moment.random() * latest * 3 / 4)
            if process.poll() is None:
                killed += 1
            else:  # on a fast machine it was done: begin anew, and be quicker
                latest /= 2
                shutil.rmtree(locked.store)
            process.kill()
            process.communicate()
        assert all_gone(locked), "workers outlived the build"
    locked.run("build")
    assert locked.digests() == undisturbed
    whole(locked)


def test_two_builds_at_once_on_one_store(locked: Yard, built: Yard) -> None:
    undisturbed = built.digests()
    shutil.rmtree(built.store)
    pair = [locked.start("build"), locked.start("build")]
    for process in pair:
        out, err = process.communicate(timeout=60)
        assert process.returncode == 0, err
        assert "both:default" in out
    assert locked.digests() == undisturbed
    whole(locked)


@pytest.mark.parametrize("to_all", [True, False], ids=["the terminal's group", "one process"])
def test_ctrl_c_is_quick_and_keeps_what_was_finished(locked: Yard, to_all: bool) -> None:
    locked.index.answer = lambda path: time.sleep(60) if "righty" in path else None
    with locked.start("build", "--json") as process:
        assert process.stdout
        for line in process.stdout:
            if '"finished"' in line and '"left:default"' in line:
                break
        (os.killpg if to_all else os.kill)(process.pid, signal.SIGINT)
        _, err = process.communicate(timeout=20)
    assert process.returncode == 130
    assert err.strip() == "stackyard: stopped; what was finished is kept"
    assert all_gone(locked)
    assert "left:default linux/amd64" in locked.digests()
    locked.index.answer = lambda _: None
    locked.run("build")
    whole(locked)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 256 kB, for root; for others the test that needs it ends here."""
    place = tmp_path / "small"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(place)]
    if subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("mounting needs root")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


def test_a_full_disk(locked: Yard, small_disk: Path) -> None:
    locked.index.pages["core"].clear()
    noise = random.Random(0).randbytes(400_000).hex()  # noqa: S311
    locked.index.add("core", "1.5", files={"core.py": "", "core.bin": noise})
    locked.run("lock", "--upgrade", "core")
    locked.store = small_disk / "store"
    done = locked.run("build", code=3)
    assert "No space left on device" in done.err
    assert "hint: " in done.err
    subprocess.run(["mount", "-o", "remount,size=64m", str(small_disk)], check=True)
    locked.run("build")
    assert len(locked.digests()) == 3
    whole(locked)


def test_a_full_disk_from_the_start(locked: Yard, small_disk: Path) -> None:
    locked.store = small_disk / "store"
    (small_disk / "filler").write_bytes(bytes(240 << 10))
    for _ in range(2):
        assert "No space left on device" in locked.fail("build", code=3)
    (small_disk / "filler").unlink()
    locked.run("build")
    whole(locked)


@pytest.mark.parametrize("most", [0, 1000])
def test_files_may_only_be_so_long(locked: Yard, most: int) -> None:
    def limit() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))

    done = locked.run("build", code=3, preexec_fn=limit)
    assert "File too large" in done.err
    assert "hint: " in done.err
    locked.run("build")
    assert len(locked.digests()) == 3
    whole(locked)


def test_a_lock_that_cannot_be_written_leaves_the_old_one(locked: Yard) -> None:
    before = locked.lock
    locked.index.add("core", "2.0")

    def limit() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) - 10, len(before) - 10))

    locked.run("plan")  # the store is there
    text = locked.fail("lock", "--upgrade", "core", code=3, preexec_fn=limit)
    assert "hint: " in text
    assert locked.lock == before
    assert not list(locked.root.glob(".*"))
