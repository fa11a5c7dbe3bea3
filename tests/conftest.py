"""What several rooms' tests use: the package index on loopback, and nobody's own settings."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # tests have no packages

from loopback_index import Index, QuietServer, handler


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
