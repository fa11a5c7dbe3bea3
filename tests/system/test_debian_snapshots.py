"""Debian suites held to a moment, bootstrapped for real.

The snapshot archive is played by a server on loopback that sends all who ask for one
moment to where today's packages are; it has no other moments.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from stackyard.errors import InputError
from stackyard.inventory.filesystem import read_files
from stackyard.oci.image import read_image
from stackyard.oci.store import Store
from stackyard.stack.values import BaseSource
from stackyard.system.base import PreparedBase, prepare
from stackyard.system.mirror import SNAPSHOTS, mirror, sources_kept

pytestmark = pytest.mark.real

MOMENT = "20260115T000000Z"


@dataclass
class Archive:
    """The server: where it is, and what it was asked for."""

    url: str = ""
    asked: list[str] = field(default_factory=list)


@pytest.fixture
def archive(monkeypatch: pytest.MonkeyPatch) -> Iterator[Archive]:
    """A snapshot archive that this machine is told to use."""
    found = Archive()
    here = mirror()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            found.asked.append(self.path)
            for folder, site in (("debian", here.main), ("debian-security", here.security)):
                before, held, rest = self.path.partition(f"/archive/{folder}/{MOMENT}/")
                if held and not before:
                    self.send_response(302)
                    self.send_header("Location", f"{site}/{rest}")
                    break
            else:
                self.send_response(404)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *args: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    found.url = f"http://127.0.0.1:{server.server_port}/archive"
    monkeypatch.setenv(SNAPSHOTS, found.url.replace("//", "//user:hunter2@"))
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    yield found
    server.shutdown()
    server.server_close()


def held_to(snapshot: str, store: Store, **other: object) -> PreparedBase:
    settings = {"platform": "linux/amd64", "pinned": None, "report": lambda _: None, **other}
    source = BaseSource("debian", "bookworm", snapshot)
    return prepare(source, apt=("tini",), store=store, root=Path(), **settings)


def test_a_moment(archive: Archive, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    lines: list[str] = []
    base = held_to(MOMENT, store, report=lines.append)
    assert any(path.endswith(".deb") and "/tini/" in path for path in archive.asked)
    assert f"/archive/debian-security/{MOMENT}/dists/bookworm-security/InRelease" in archive.asked
    assert lines[0].startswith(f"debian bookworm at {MOMENT} (linux/amd64): bootstrapping")
    assert "hunter2" not in "".join(lines)
    assert "tini" in base.debs

    image = read_image(store, base.manifest)
    kept = read_files(store, image.layers).text("etc/apt/sources.list")
    assert kept == sources_kept("bookworm", MOMENT)
    assert f"http://snapshot.debian.org/archive/debian/{MOMENT}/ bookworm main" in kept

    # It stays what it is: there is nothing newer to look for.
    monkeypatch.setenv(SNAPSHOTS, "http://127.0.0.1:1")
    assert held_to(MOMENT, store, refresh=True) == base
    assert held_to(MOMENT, store, pinned=base.digest) == base


def test_a_moment_that_the_archive_lacks(archive: Archive, store: Store) -> None:
    lines: list[str] = []
    with pytest.raises(InputError, match="Debian bookworm at 20010101T000000Z") as raised:
        held_to("20010101T000000Z", store, report=lines.append)
    assert any("20010101T000000Z/dists/bookworm/" in path for path in archive.asked)
    assert "at which there was a bookworm" in raised.value.hint
    assert SNAPSHOTS in raised.value.hint
    assert archive.url.partition("//")[2] in raised.value.message
    assert "hunter2" not in str(raised.value) + "".join(lines)
