"""What several rooms' tests use: the package index on loopback, and nobody's own settings."""

from __future__ import annotations

import os
import shutil
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # tests have no packages

from loopback_index import Index, QuietServer, handler
from yard import Yard


@pytest.fixture
def make_index() -> Iterator[Callable[[], Index]]:
    """Start as many indexes as a test wants."""
    servers = []

    def start() -> Index:
        index = Index()
        server = QuietServer(("127.0.0.1", 0), handler(index))
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        servers.append(server)
        index.url = f"http://127.0.0.1:{server.server_port}/simple"
        return index

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.fixture
def no_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """None of this machine's pip and uv settings; a cache of the test's own."""
    for name in list(os.environ):
        if name.startswith(("PIP_", "UV_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "home" / ".config"))
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "uv-cache"))


@pytest.fixture
def index(
    make_index: Callable[[], Index], no_settings: None, monkeypatch: pytest.MonkeyPatch
) -> Index:
    """An index that is the default one."""
    made = make_index()
    monkeypatch.setenv("UV_DEFAULT_INDEX", made.url)
    return made


@pytest.fixture
def yard(index: Index, tmp_path: Path) -> Yard:
    """A project with a few packages on the index: `app` needs `core`, so do the others."""
    index.add("core", "1.0")
    index.add("app", "1.0", ["core"])
    index.add("lefty", "1.0", ["core", "shared"])
    index.add("righty", "1.0", ["shared"])
    index.add("shared", "1.0")
    return Yard(tmp_path / "project", index)


@pytest.fixture(scope="session")
def _built_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("built")


@pytest.fixture
def locked(yard: Yard, _built_once: Path) -> Yard:
    """The project, locked; the lock is made once for all tests."""
    lock = _built_once / "stackyard.lock"
    if not lock.is_file():
        yard.run("lock")
        shutil.copy(yard.root / "stackyard.lock", lock)
    shutil.copy(lock, yard.root / "stackyard.lock")
    return yard


@pytest.fixture
def built(locked: Yard, _built_once: Path) -> Yard:
    """The project, locked and built; the store is made once for all tests and copied."""
    store = _built_once / "store"
    if not store.is_dir():
        locked.run("build")
        shutil.rmtree(locked.store / "cache" / "addresses", ignore_errors=True)
        shutil.copytree(locked.store, store)
    shutil.copytree(store, locked.store, dirs_exist_ok=True)
    return locked


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What locks and builds with the real program is real, whichever folder it is in."""
    for item in items:
        if "yard" in getattr(item, "fixturenames", ()):
            item.add_marker("real")
