"""A snapshot archive on loopback, which sends all who ask for one moment to today's packages.

The real one cannot be reached from every machine that runs the tests.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from stackyard.system.mirror import mirror

MOMENT = "20260115T000000Z"


@dataclass
class Archive:
    """The server: where it is, and what it was asked for."""

    url: str = ""
    asked: list[str] = field(default_factory=list)


@contextmanager
def serve() -> Iterator[Archive]:
    """Serve it for as long as the block."""
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
    try:
        yield found
    finally:
        server.shutdown()
        server.server_close()
