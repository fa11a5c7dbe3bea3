"""A package index that lies, fails, hangs or moves, while a build needs it."""

from __future__ import annotations

import hashlib
import shutil
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from loopback_index import Index
from yard import Yard


def forget(yard: Yard) -> Yard:
    """Nothing is known of where the wheels were."""
    shutil.rmtree(yard.store / "cache", ignore_errors=True)
    return yard


def nothing_half_written(yard: Yard) -> None:
    for blob in (yard.store / "blobs" / "sha256").iterdir():
        assert hashlib.sha256(blob.read_bytes()).hexdigest() == blob.name
    assert not list(yard.store.rglob("*.part"))


def test_a_wheel_with_another_hash_is_refused_and_stops_only_what_needs_it(locked: Yard) -> None:
    locked.index.pages["righty"].clear()
    locked.index.add("righty", "1.0", ["shared"], files={"righty.py": "import evil"})
    done = locked.run("build", code=3)
    assert "righty-1.0-py3-none-any.whl is not the file that was locked" in done.err
    assert "not built: both:default" in done.err
    assert "because of packages right" in done.err
    assert [line.split()[0] for line in done.lines[1:3]] == ["top:default", "left:default"]
    assert "righty" not in str(list((locked.store / "cache" / "segments").iterdir()))
    nothing_half_written(locked)
    locked.index.pages["righty"].clear()
    locked.index.add("righty", "1.0", ["shared"])
    again = locked.run("build")
    assert "2 steps built" in again.err
    assert len(locked.digests()) == 3


def test_only_whole_images_are_counted_and_json_says_what_failed(locked: Yard) -> None:
    locked.index.pages["core"].clear()
    done = locked.run("build", "--json", code=3)
    kinds = {(e["event"], e["step"], e["name"]) for e in done.events}
    assert ("failed", "packages", "top") in kinds
    assert {n for k, s, n in kinds if k == "skipped" and s == "image"} == {
        "top:default", "left:default", "both:default",
    }  # fmt: skip
    assert "core-1.0-py3-none-any.whl" in done.err
    assert "not built: top:default, left:default, both:default" in done.err


@pytest.mark.parametrize(
    "path", ["../../../../etc/evil.py", "/etc/evil.py", "a/../../../../../../etc/evil.py"]
)
def test_a_wheel_that_climbs_out_of_its_prefix(yard: Yard, path: str) -> None:
    yard.index.add("lefty", "3.0", files={path: "evil"})
    yard.run("lock")
    done = yard.run("build", code=2)
    assert "lefty-3.0-py3-none-any.whl" in done.err
    assert "evil.py" in done.err
    assert set(yard.digests()) == {"top:default linux/amd64"}


def test_an_index_that_is_busy_for_a_moment(locked: Yard) -> None:
    seen: set[str] = set()

    def busy(path: str) -> tuple[int, dict[str, str]] | None:
        if path in seen:
            return None
        seen.add(path)
        return (429, {"Retry-After": "0"}) if len(seen) % 2 else (503, {})

    locked.index.answer = busy
    locked.run("build")
    assert len(locked.digests()) == 3


def test_an_index_that_fails_for_good(locked: Yard) -> None:
    locked.index.answer = lambda _: (500, {})
    done = locked.run("build", "top", code=3)
    assert "it answered 500" in done.err
    assert "hint:" in done.err
    nothing_half_written(locked)
    locked.index.answer = lambda _: None
    locked.run("build", "top")


def test_an_index_that_is_not_there(locked: Yard, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    monkeypatch.setenv("UV_DEFAULT_INDEX", f"http://127.0.0.1:{port}/simple")
    done = locked.run("build", "top", code=3)
    assert f"127.0.0.1:{port}" in done.err
    assert "hint:" in locked.fail("lock", "--upgrade", code=3)


def test_ctrl_c_while_an_index_hangs(locked: Yard) -> None:
    asked = threading.Event()

    def hang(path: str) -> None:
        asked.set()
        time.sleep(60)

    locked.index.answer = hang
    with locked.start("build") as process:
        assert asked.wait(20)
        process.send_signal(2)
        _, err = process.communicate(timeout=20)
    assert process.returncode == 130
    assert "stopped; what was finished is kept" in err
    assert "Traceback" not in err


def test_cut_connections_are_tried_again(locked: Yard) -> None:
    cut: set[str] = set()

    def once(path: str) -> bool:
        new = path not in cut
        cut.add(path)
        return new and path.endswith(".whl")

    locked.index.cut = once
    locked.run("build")
    nothing_half_written(locked)


def test_another_index_than_the_one_it_was_locked_from(
    yard: Yard, make_index: Callable[[], Index], monkeypatch: pytest.MonkeyPatch
) -> None:
    yard.run("lock")
    mirror = make_index()
    mirror.pages = dict(yard.index.pages)
    yard.index.answer = lambda _: (500, {})  # the first is down for good
    yard.index.requests.clear()
    monkeypatch.setenv("UV_DEFAULT_INDEX", mirror.url)
    yard.run("build")
    assert len(yard.digests()) == 3
    assert yard.index.requests == []
    assert yard.run("lock").lines == ["stackyard.lock is up to date: nothing moved"]


def test_credentials_stay_where_they_are(
    yard: Yard, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    yard.index.auth = "Basic bWU6czNjcjN0LXMzY3IzdA=="  # me:s3cr3t-s3cr3t
    secret = "s3cr3t-s3cr3t"
    address = yard.index.url.replace("//", f"//me:{secret}@")
    monkeypatch.setenv("UV_DEFAULT_INDEX", address)
    seen: set[str] = set()
    stop = threading.Event()

    def watch() -> None:
        while not stop.is_set():
            for line in Path("/proc").glob("[0-9]*/cmdline"):
                try:
                    seen.add(line.read_bytes().replace(b"\0", b" ").decode(errors="replace"))
                except OSError:
                    continue
            time.sleep(0.01)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        told = [yard.run("lock"), yard.run("build", "--json"), yard.run("plan", "--json")]
        yard.index.auth = "Basic other"
        shutil.rmtree(yard.store / "cache")
        (yard.store / "blobs").rename(tmp_path / "gone")
        refused = [yard.run("build", code=3), yard.run("lock", "--upgrade", code=3)]
    finally:
        stop.set()
        watcher.join()
    assert any("uv lock" in line or "/uv " in line for line in seen), "uv was seen"
    assert not [line for line in seen if secret in line]
    for done in (*told, *refused):
        assert secret not in done.out + done.err
    assert all("401" in done.err or "nauthorized" in done.err for done in refused)
    for folder in (yard.root, yard.store):
        for path in folder.rglob("*"):
            assert not path.is_file() or secret.encode() not in path.read_bytes(), path
