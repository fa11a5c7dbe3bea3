"""apt above a Debian that is held to a moment, from a snapshot archive on loopback."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from stepyard import Steps, images, left_behind

from stackyard.system.mirror import SNAPSHOTS, mirror

pytestmark = pytest.mark.real

HELD = """
layers:
  base: {from: {debian: bookworm, snapshot: 20260115T000000Z}}
  tools: {on: base, apt: [tree]}
images:
  tools: {layers: [tools]}
"""


@dataclass
class Archive:
    """A snapshot archive on loopback: where it is, and what it was asked for."""

    url: str = ""
    asked: list[str] = field(default_factory=list)


@pytest.fixture
def archive() -> Iterator[Archive]:
    """It sends all who ask for one moment to where today's packages are."""
    found = Archive()
    here = mirror()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            found.asked.append(self.path)
            for folder, site in (("debian", here.main), ("debian-security", here.security)):
                before, held, rest = self.path.partition(f"/archive/{folder}/20260115T000000Z/")
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
    yield found
    server.shutdown()
    server.server_close()


def test_apt_is_held_to_the_moment_of_the_base(steps: Steps, archive: Archive) -> None:
    env = {
        SNAPSHOTS: archive.url.replace("//", "//user:hunter2@"),
        "no_proxy": "127.0.0.1",
    }
    place = Steps(steps.place, {**steps.env, **env})
    yard = place.yard("held", HELD)
    before = len(archive.asked)
    told = yard.run("build").stderr
    asked = archive.asked[before:]
    assert any(path.endswith(".deb") and "/tree/" in path for path in asked)
    assert any(path.endswith("/bookworm-security/InRelease") for path in asked)
    (path,) = re.findall(r"log: (\S+/tools-apt-\S+)", told)
    log = Path(path).read_text()
    fetched = set(re.findall(r"https?://([^/\s]+)/", log))
    assert fetched <= {archive.url.split("/")[2]}
    image = images(yard, "layout")["tools:default"]
    assert "usr/bin/tree" in image.files
    kept = image.text("etc/apt/sources.list")
    assert "snapshot.debian.org/archive/debian/20260115T000000Z/" in kept
    assert "127.0.0.1" not in kept
    assert "hunter2" not in log
    assert left_behind(yard.store, "apt-get") == []
