from __future__ import annotations

import json
import os
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from stackyard.oci.descriptor import CONFIG as CONFIG_TYPE
from stackyard.oci.descriptor import (
    DOCKER_MANIFEST,
    INDEX,
    LAYER_GZIP,
    MANIFEST,
    Descriptor,
    Platform,
)
from stackyard.oci.registry.client import Registry
from stackyard.oci.registry.patience import Patience
from stackyard.oci.store import Store

SETTINGS = """
version: 0.1
log: {{level: error}}
storage:
  filesystem: {{rootdirectory: {root}}}
  delete: {{enabled: true}}
{storage}
http: {{addr: "127.0.0.1:{port}"{tls}}}
{extra}
"""


SURROUNDINGS = {
    "REGISTRY_AUTH_FILE",
    "DOCKER_CONFIG",
    "XDG_CONFIG_HOME",
    "REQUESTS_CA_BUNDLE",
    "SSL_CERT_FILE",
}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(autouse=True)
def _own_surroundings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody's own logins, proxies and certificates reach the tests."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "run"))
    for name in list(os.environ):
        if name.upper().endswith("_PROXY") or name in SURROUNDINGS:
            monkeypatch.delenv(name)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store.open(tmp_path / "store")


@pytest.fixture
def start_registry(tmp_path: Path) -> Iterator[Callable[..., str]]:
    """Starts docker's registry; gives its host and port."""
    running: list[subprocess.Popen[bytes]] = []

    def start(extra: str = "", tls: str = "", storage: str = "") -> str:
        port = free_port()
        folder = tmp_path / f"registry-{port}"
        folder.mkdir()
        config = folder / "config.yml"
        data = folder / "data"
        config.write_text(
            SETTINGS.format(root=data, port=port, extra=extra, tls=tls, storage=storage)
        )
        with (folder / "log").open("wb") as log:
            running.append(
                subprocess.Popen(
                    ["docker-registry", "serve", str(config)],
                    stdout=log,
                    stderr=log,
                    env={"PATH": os.environ["PATH"]},
                )
            )
        _wait(port, running[-1], folder / "log")
        return f"127.0.0.1:{port}"

    yield start
    for process in running:
        process.terminate()
        process.wait(10)


@pytest.fixture
def registry(start_registry: Callable[..., str]) -> str:
    return start_registry()


def _wait(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        assert process.poll() is None, log.read_text()
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)
    pytest.fail(f"no registry on port {port}: {log.read_text()}")


@dataclass(frozen=True)
class Seen:
    """A request as the server in this process got it."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True)
class Reply:
    """What it answers; `cut` closes the connection after that many bytes of the body."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    cut: int | None = None


@dataclass
class Server:
    """A server that answers as a function says, and remembers what it was asked."""

    host: str
    seen: list[Seen]

    def asked(self, method: str, part: str = "") -> list[Seen]:
        return [s for s in self.seen if s.method == method and part in s.path]


@pytest.fixture
def serve() -> Iterator[Callable[[Callable[[Seen], Reply]], Server]]:
    servers: list[ThreadingHTTPServer] = []

    def start(answer: Callable[[Seen], Reply]) -> Server:
        seen: list[Seen] = []

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_any(self) -> None:
                length = int(self.headers.get("content-length") or 0)
                names = {k.lower(): v for k, v in self.headers.items()}
                request = Seen(self.command, self.path, names, self.rfile.read(length))
                seen.append(request)
                reply = answer(request)
                self.send_response(reply.status)
                for name, value in (
                    {"Content-Length": str(len(reply.body))} | reply.headers
                ).items():
                    self.send_header(name, value)
                self.end_headers()
                with suppress(ConnectionError):  # the client may have given up
                    self.wfile.write(b"" if self.command == "HEAD" else reply.body[: reply.cut])
                if reply.cut is not None:
                    self.close_connection = True

            do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = do_PATCH = handle_any  # noqa: N815

            def log_message(self, *_: object) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        servers.append(server)
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        return Server(f"127.0.0.1:{server.server_port}", seen)

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


class Kit:
    """What test modules need of this file, which they cannot import."""

    Reply = Reply
    patience = Patience(attempts=6, first=0.001, longest=0.01)

    def client(self, host: str, **more: Any) -> Registry:
        return Registry(host, **({"patience": self.patience} | more))

    def image(
        self, store: Store, *layers: bytes, platform: str = "linux/amd64", docker: bool = False
    ) -> Descriptor:
        """A small image in the store."""
        wanted = Platform.parse(platform)
        config = {"os": wanted.os, "architecture": wanted.architecture, "variant": wanted.variant}
        blobs = [store.put(data, LAYER_GZIP) for data in layers]
        kind = DOCKER_MANIFEST if docker else MANIFEST
        document = {
            "schemaVersion": 2,
            "mediaType": kind,
            "config": store.put(json.dumps(config).encode(), CONFIG_TYPE).to_json(),
            "layers": [blob.to_json() for blob in blobs],
        }
        made = store.put(json.dumps(document).encode(), kind)
        return Descriptor(made.media_type, made.digest, made.size, platform=wanted)

    def index(self, store: Store, *manifests: Descriptor) -> Descriptor:
        document = {
            "schemaVersion": 2,
            "mediaType": INDEX,
            "manifests": [m.to_json() for m in manifests],
        }
        return store.put(json.dumps(document).encode(), INDEX)


@pytest.fixture
def kit() -> Kit:
    return Kit()
