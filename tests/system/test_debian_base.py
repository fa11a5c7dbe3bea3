"""Debian suites, bootstrapped for real."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tarfile
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from stackyard.errors import InputError, OutsideError
from stackyard.inventory.base import base_facts
from stackyard.inventory.filesystem import read_files
from stackyard.oci.decompress import reader
from stackyard.oci.image import read_image
from stackyard.oci.store import Store
from stackyard.stack.values import BaseSource
from stackyard.system.base import PreparedBase, prepare
from stackyard.system.mirror import VARIABLE, sources_kept

pytestmark = pytest.mark.real

APT = ("ca-certificates", "python3", "python3-yaml")
Bring = Callable[..., PreparedBase]


def bookworm(store: Store, apt: tuple[str, ...] = APT, **other: object) -> PreparedBase:
    settings = {"platform": "linux/amd64", "pinned": None, "report": lambda _: None, **other}
    return prepare(BaseSource("debian", "bookworm"), apt=apt, store=store, root=Path(), **settings)


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> tuple[Store, PreparedBase]:
    store = Store.open(tmp_path_factory.mktemp("debian") / "store")
    return store, bookworm(store)


def test_it_is_debian_with_what_was_asked_for(made) -> None:
    store, base = made
    image = read_image(store, base.manifest)
    assert len(image.layers) == 1
    fs = read_files(store, image.layers)
    assert "VERSION_CODENAME=bookworm" in fs.text("etc/os-release")
    assert base.debs["python3"].startswith("3.11.")
    assert "python3-yaml" in base.debs
    assert "gcc" not in base.debs
    assert fs.text("etc/apt/sources.list") == sources_kept("bookworm", "")
    assert fs.listdir("dev") == []
    for path in ("etc/hostname", "etc/resolv.conf", "var/lib/apt/lists/lock"):
        assert not fs.exists(path)
    here = os.uname().nodename.encode()
    for path in ("etc/hosts", "etc/mailname"):
        assert here not in (fs.read(path) if fs.exists(path) else b"")


def test_its_facts(made) -> None:
    store, base = made
    facts = base_facts(store, base.manifest)
    assert facts.minor == "3.11"
    assert facts.interpreter == "/usr/bin/python3.11"
    assert facts.glibc == "2.36"
    assert facts.scheme.purelib == "usr/local/lib/python3.11/dist-packages"
    assert [dist.name for dist in facts.dists] == ["pyyaml"]


def test_what_its_own_python_says_agrees(made, tmp_path) -> None:
    store, base = made
    unpack(store, base, tmp_path / "root")
    script = (
        "import json, platform, sys, sysconfig, importlib.metadata as m\n"
        "print(json.dumps([platform.python_version(), sysconfig.get_paths(),"
        " platform.libc_ver()[1], {d.name: d.version for d in m.distributions()}]))\n"
    )
    done = inside(tmp_path / "root", "-c", script)
    version, paths, glibc, dists = json.loads(done.stdout)
    facts = base_facts(store, base.manifest)
    assert version == facts.version
    assert glibc == facts.glibc
    assert [paths[key].lstrip("/") for key in ("purelib", "platlib", "scripts", "data")] == [
        facts.scheme.purelib,
        facts.scheme.platlib,
        facts.scheme.scripts,
        facts.scheme.data,
    ]
    assert {name.lower(): v for name, v in dists.items()} == {
        d.name: d.version for d in facts.dists
    }


def test_its_bytecode_is_used_although_times_were_changed(made, tmp_path) -> None:
    store, base = made
    unpack(store, base, tmp_path / "root")
    done = inside(tmp_path / "root", "-v", "-c", "import json, yaml")
    told = done.stderr.splitlines()
    assert any(
        line.startswith("# code object from '/usr/lib/python3.11/json/__pyc") for line in told
    )
    assert any(
        "# code object from '/usr/lib/python3/dist-packages/yaml/__pyc" in line for line in told
    )
    # Reading a source, or writing bytecode, would mean that what is there does not count.
    assert not [line for line in told if line.startswith(("# wrote", "# code object from /usr"))]


def test_another_machine_makes_the_same_bytes(made, tmp_path) -> None:
    _, base = made
    other = Store.open(tmp_path / "other")
    again = bookworm(other)
    assert again.debs == base.debs, "Debian published packages between two runs: run again"
    assert again == base


def test_what_is_known_needs_no_network(made, monkeypatch) -> None:
    store, base = made
    monkeypatch.setenv(VARIABLE, "http://127.0.0.1:1/debian")
    assert bookworm(store) == base
    assert bookworm(store, pinned=base.digest) == base
    assert bookworm(store, tuple(reversed(APT))) == base
    # What is asked for anew, or pinned elsewhere, needs it.
    for other in ({"refresh": True}, {"pinned": "sha256:" + "0" * 64}):
        with pytest.raises(OutsideError) as raised:
            bookworm(store, **other)
        assert "127.0.0.1:1" in raised.value.message
        assert VARIABLE in raised.value.hint


def test_a_mirrors_password_is_never_told(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv(VARIABLE, "http://user:hunter2@127.0.0.1:1/debian")
    lines: list[str] = []
    with pytest.raises(OutsideError) as raised:
        bookworm(Store.open(tmp_path / "store"), report=lines.append)
    assert lines
    assert "hunter2" not in str(raised.value) + "".join(lines)


def test_a_package_that_debian_does_not_have(tmp_path) -> None:
    with pytest.raises(InputError, match="no package no-such-package"):
        bookworm(Store.open(tmp_path / "store"), ("git", "no-such-package"))


def test_a_kill_leaves_nothing(tmp_path) -> None:
    """Neither processes, nor mounts, nor after the next start anything on the disk."""
    script = (
        "import sys; from pathlib import Path\n"
        "from stackyard.oci.store import Store\n"
        "from stackyard.stack.values import BaseSource\n"
        "from stackyard.system.base import prepare\n"
        "prepare(BaseSource('debian', 'bookworm'), platform='linux/amd64', apt=[],\n"
        "    store=Store.open(Path(sys.argv[1])), root=Path(), pinned=None,\n"
        "    report=lambda line: print(line, flush=True))\n"
    )
    place = tmp_path / "store"
    us = subprocess.Popen([sys.executable, "-c", script, place], stdout=subprocess.PIPE, text=True)
    assert us.stdout is not None
    while "installing essential" not in us.stdout.readline():
        assert us.poll() is None
    assert users(place)
    os.kill(us.pid, signal.SIGKILL)
    us.wait()
    us.stdout.close()
    end = time.monotonic() + 10
    while users(place) and time.monotonic() < end:
        time.sleep(0.1)
    assert not users(place)
    assert str(place) not in Path("/proc/self/mounts").read_text()
    assert any((place / "tmp").iterdir())
    store = Store.open(place)
    assert not any((place / "tmp").iterdir())
    assert not store.tags()


def users(place: Path) -> list[int]:
    """The processes that work on a store's scratch."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            told = (process / "environ").read_bytes()
        except OSError:
            continue
        if f"TMPDIR={place}/".encode() in told:
            found.append(int(process.name))
    return found


def unpack(store: Store, base: PreparedBase, target: Path) -> None:
    for layer in read_image(store, base.manifest).layers:
        with (
            store.open_blob(layer.descriptor.digest) as blob,
            tarfile.open(fileobj=reader(blob), mode="r|") as tar,
        ):
            tar.extractall(target, filter="fully_trusted")  # noqa: S202 - Debian's own


def inside(root: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the image's Python in a chroot, which needs root."""
    command = ["chroot", str(root), "/usr/bin/python3", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True)
