"""Many blobs to a real registry and back, through a network where one answer in twenty fails.

What fails depends on the seed, the request and how often it was made, not on which thread
was first, so every run sees the same faults.
"""

from __future__ import annotations

import http.client
import json
import random
import re
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from time import time

import pytest
import realengines as engines

from stackyard.oci.descriptor import CONFIG, LAYER_GZIP, MANIFEST, Descriptor, Platform
from stackyard.oci.digest import sha256
from stackyard.oci.reference import Reference
from stackyard.oci.registry.client import Registry
from stackyard.oci.registry.patience import Patience
from stackyard.oci.registry.pull import pull
from stackyard.oci.registry.push import push
from stackyard.oci.store import Store

pytestmark = pytest.mark.real

BLOBS, SIZE = 500, 1_000_000
ONE_IN = 20
KINDS = ("429", "429 in seconds", "429 by date", "500", "cut request", "cut answer", "lost answer")
_DIGEST = re.compile(r"sha256(?::|%3A)([0-9a-f]{64})")


class FaultyProxy(ThreadingHTTPServer):
    """Passes requests on to a registry, save those that it spoils."""

    daemon_threads = True

    def __init__(self, registry: str, seed: int) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.registry, self.seed = registry, seed
        self.host = f"127.0.0.1:{self.server_port}"
        self.faults: Counter[str] = Counter()
        self.resumed = 0
        self._seen: Counter[str] = Counter()
        self._guard = threading.Lock()

    def fault(self, method: str, path: str) -> str:
        """What goes wrong with a request; empty for nothing."""
        digest = _DIGEST.search(path)
        what = f"{method} {digest[1] if digest else path.partition('?')[0].rpartition('/')[0]}"
        with self._guard:
            self._seen[what] += 1
            dice = random.Random(f"{self.seed} {what} {self._seen[what]}")  # noqa: S311 - repeats
            kind = dice.choice(KINDS) if dice.randrange(ONE_IN) == 0 else ""
            if kind:
                self.faults[f"{method}: {kind}"] += 1
        return kind

    def note_range(self) -> None:
        with self._guard:
            self.resumed += 1

    def handle_error(self, *_: object) -> None:
        """Clients may go away."""


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: FaultyProxy

    def handle_any(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        kind = self.server.fault(self.command, self.path)
        if self.headers.get("range"):
            self.server.note_range()
        if kind.startswith("429"):
            self.refuse(429, kind)
        elif kind == "500":
            self.refuse(500, kind)
        elif kind == "cut request":
            self.pass_half(body)
        else:
            self.pass_on(body, kind)

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = handle_any  # noqa: N815

    def refuse(self, status: int, kind: str) -> None:
        self.send_response(status)
        if kind == "429 in seconds":
            self.send_header("Retry-After", "1")
        if kind == "429 by date":
            self.send_header("Retry-After", formatdate(time() + 1, usegmt=True))
        self.send_header("Content-Length", "0")
        self.end_headers()

    def pass_half(self, body: bytes) -> None:
        """The registry gets half of what was sent, then nobody speaks to anybody."""
        upstream = http.client.HTTPConnection(self.server.registry, timeout=30)
        upstream.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
        for name, value in self.headers.items():
            upstream.putheader(name, value)
        upstream.endheaders(body[: len(body) // 2])
        upstream.close()
        self.close_connection = True

    def pass_on(self, body: bytes, kind: str) -> None:
        upstream = http.client.HTTPConnection(self.server.registry, timeout=30)
        upstream.request(self.command, self.path, body, dict(self.headers.items()))
        answer = upstream.getresponse()
        data = answer.read()
        upstream.close()
        if kind == "lost answer":
            self.close_connection = True
            return
        self.send_response(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in ("transfer-encoding", "content-length", "date", "server"):
                self.send_header(name, value)
        length = answer.getheader("content-length") if self.command == "HEAD" else str(len(data))
        self.send_header("Content-Length", length or "0")
        self.end_headers()
        cut = kind == "cut answer"
        self.wfile.write(data[: len(data) // 2] if cut else data)
        self.close_connection = cut

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def faulty(registry: str, seed: int) -> Iterator[FaultyProxy]:
    proxy = FaultyProxy(registry, seed)
    thread = threading.Thread(target=proxy.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield proxy
    finally:
        proxy.shutdown()
        proxy.server_close()
        thread.join()


def make_image(store: Store) -> Descriptor:
    """An image of `BLOBS` layers, the same every time."""
    dice = random.Random(4)  # noqa: S311 - repeats
    layers = []
    for _ in range(BLOBS):
        with store.writer() as writer:
            writer.write(dice.randbytes(SIZE))
            layers.append(writer.commit(LAYER_GZIP, sync=False).to_json())
    config = {"os": "linux", "architecture": "amd64"}
    document = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": store.put(json.dumps(config).encode(), CONFIG).to_json(),
        "layers": layers,
    }
    return store.put(json.dumps(document).encode(), MANIFEST)


def test_every_blob_arrives_both_ways(registry: engines.Registry, tmp_path: Path) -> None:
    store, other = Store.open(tmp_path / "store"), Store.open(tmp_path / "other")
    image = make_image(store)
    patience = Patience(first=0.05)
    pushed: list[int] = []
    pulled: list[int] = []
    with faulty(registry.host, seed=20) as proxy:
        reference = Reference.parse(f"{proxy.host}/faults/many:x")
        with Registry(proxy.host, patience=patience) as client:
            report = push(client, store, image, "faults/many", ["x"], advance=pushed.append)
            sending = proxy.faults.copy()
            got = pull(client, reference, Platform("linux", "amd64"), other, advance=pulled.append)
        fetching = proxy.faults - sending
        assert {f"PUT: {kind}" for kind in KINDS} <= set(sending)
        assert {f"GET: {kind}" for kind in KINDS} <= set(fetching)
        assert fetching.total() > BLOBS / ONE_IN / 2
        assert proxy.resumed >= fetching["GET: cut answer"]

    whole = sum(blob.size for blob in report.uploaded)
    assert len(report.uploaded) == BLOBS + 1
    assert sum(pushed) == sum(pulled) == whole
    assert got.digest == image.digest
    for blob in report.uploaded:
        assert sha256(other.blob_path(blob.digest).read_bytes()) == blob.digest
    with Registry(registry.host) as direct:
        assert direct.exists("faults/many", "x") == Descriptor(MANIFEST, image.digest, image.size)
        assert push(direct, store, image, "faults/many", ["x"]).uploaded == ()
        assert all(direct.has_blob("faults/many", blob) for blob in report.uploaded)
    assert list((other.root / "tmp").rglob("blob-*")) == []
