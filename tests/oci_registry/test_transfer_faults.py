from __future__ import annotations

import json
import os
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from stackyard.errors import InputError, OutsideError
from stackyard.oci.descriptor import LAYER_GZIP, MANIFEST, Descriptor, Platform
from stackyard.oci.digest import sha256
from stackyard.oci.reference import Reference
from stackyard.oci.registry import connection
from stackyard.oci.registry.faults import PassingError
from stackyard.oci.registry.patience import Patience, StoppedError
from stackyard.oci.registry.pull import pull, resolve
from stackyard.oci.registry.push import Push, push
from stackyard.oci.store import Store

AMD64 = Platform("linux", "amd64")
LAYER = os.urandom(300_000)


class Answers:
    """A registry in memory that serves one image, and what a test does to its answers."""

    def __init__(self, kit: Any, source: Store, manifest: Descriptor) -> None:
        self.kit, self.source, self.manifest = kit, source, manifest
        self.before: Callable[[Any], Any] = lambda _: None

    def __call__(self, seen: Any) -> Any:
        return self.before(seen) or self.plain(seen)

    def plain(self, seen: Any) -> Any:
        name = seen.path.rpartition("/")[2]
        digest = name if name.startswith("sha256:") else self.manifest.digest
        if not self.source.has(digest):
            return self.kit.Reply(404, b'{"errors":[{"code":"BLOB_UNKNOWN","message":"gone"}]}')
        data = self.source.blob_path(digest).read_bytes()
        kind = MANIFEST if "/manifests/" in seen.path else "application/octet-stream"
        headers = {"Content-Type": kind, "Docker-Content-Digest": digest}
        if wanted := seen.headers.get("range"):
            start = int(wanted.removeprefix("bytes=").rstrip("-"))
            headers["Content-Range"] = f"bytes {start}-{len(data) - 1}/{len(data)}"
            return self.kit.Reply(206, data[start:], headers)
        return self.kit.Reply(200, data, headers)


@pytest.fixture
def answers(kit: Any, tmp_path: Path) -> Answers:
    source = Store.open(tmp_path / "source")
    return Answers(kit, source, kit.image(source, LAYER, b"second"))


def get(kit: Any, host: str, store: Store, **more: Any) -> Descriptor:
    with kit.client(host, **more) as client:
        return pull(client, Reference.parse(f"{host}/a/b:x"), AMD64, store)


def once(reply: Any, part: str) -> Callable[[Any], Any]:
    """Answers *reply* the first time that a path has *part* in it."""
    lock = threading.Lock()
    left = [reply]

    def before(seen: Any) -> Any:
        with lock:
            return left.pop() if left and part in seen.path else None

    return before


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
@pytest.mark.parametrize("part", ["/manifests/", "/blobs/"])
def test_passing_answers_are_borne(
    kit: Any, serve: Any, answers: Answers, store: Store, status: int, part: str
) -> None:
    answers.before = once(kit.Reply(status), part)
    got = get(kit, serve(answers).host, store)
    assert got == answers.manifest
    assert store.read(got.digest) == answers.source.read(got.digest)
    assert store.read(sha256(LAYER)) == LAYER


@pytest.mark.parametrize("cut", [0, 1, 100_000, len(LAYER) - 1])
def test_a_cut_pull_goes_on_where_it_was(
    kit: Any, serve: Any, answers: Answers, store: Store, cut: int
) -> None:
    answers.before = once(kit.Reply(200, LAYER, cut=cut), sha256(LAYER))
    server = serve(answers)
    moved: list[int] = []
    with kit.client(server.host) as client:
        reference = Reference.parse(f"{server.host}/a/b:x")
        pull(client, reference, AMD64, store, advance=moved.append)
    assert store.read(sha256(LAYER)) == LAYER
    ranges = [s.headers.get("range") for s in server.asked("GET", sha256(LAYER))]
    assert ranges == [None, f"bytes={cut}-" if cut else None]
    config = json.loads(answers.source.read(answers.manifest.digest))["config"]["size"]
    assert sum(moved) == len(LAYER) + len(b"second") + config


def test_a_cut_pull_from_a_server_without_ranges(
    kit: Any, serve: Any, answers: Answers, store: Store
) -> None:
    cut = once(kit.Reply(200, LAYER, cut=70_000), sha256(LAYER))
    whole = kit.Reply(200, LAYER)
    answers.before = lambda seen: cut(seen) or (whole if sha256(LAYER) in seen.path else None)
    get(kit, serve(answers).host, store)
    assert store.read(sha256(LAYER)) == LAYER


@pytest.mark.parametrize(
    ("body", "part"),
    [
        (LAYER[:-1] + bytes([LAYER[-1] ^ 1]), "another digest"),
        (LAYER[:-1], "299999"),
        (LAYER + b"x", "300000 bytes"),
        (b"<html>not a layer</html>", "24"),
    ],
)
def test_a_registry_that_lies_about_a_blob(
    kit: Any, serve: Any, answers: Answers, store: Store, body: bytes, part: str
) -> None:
    lie = kit.Reply(200, body)
    answers.before = lambda seen: lie if sha256(LAYER) in seen.path else None
    with pytest.raises(OutsideError) as caught:
        get(kit, serve(answers).host, store)
    assert part in caught.value.message
    assert "/a/b" in caught.value.message
    assert not store.has(sha256(LAYER))


def test_a_registry_that_lies_about_a_manifest(
    kit: Any, serve: Any, answers: Answers, store: Store
) -> None:
    server = serve(answers)
    other = json.dumps({"schemaVersion": 2, "layers": []}).encode()
    for reference in (f"a/b@{answers.manifest.digest}", "a/b:x"):
        headers = {"Docker-Content-Digest": answers.manifest.digest}
        answers.before = once(kit.Reply(200, other, headers), "/manifests/")
        with (
            kit.client(server.host) as client,
            pytest.raises(OutsideError, match="expected sha256"),
        ):
            resolve(client, Reference.parse(f"{server.host}/{reference}"), AMD64)


@pytest.mark.parametrize(
    "body",
    [
        b"<html>welcome</html>",
        b"",
        b"[]",
        b"{}",
        b"\xff\xfe",
        b"[" * 50_000,
        b'{"schemaVersion": 1, "fsLayers": []}',
        b'{"schemaVersion": 2, "config": 3, "layers": []}',
        b'{"schemaVersion": 2, "config": {}, "layers": [{}]}',
        b'{"schemaVersion": 2, "layers": [], "config":'
        b' {"mediaType": "x", "digest": "sha256:../../x", "size": 1}}',
        b'{"mediaType": "application/vnd.oci.image.index.v1+json", "manifests": 4}',
        b'{"mediaType": "text/plain"}',
        b" " * (5 << 20),
    ],
    ids=range(13),
)
def test_nonsense_in_place_of_a_manifest(
    kit: Any, serve: Any, answers: Answers, store: Store, body: bytes
) -> None:
    answers.before = lambda _: kit.Reply(200, body, {"Content-Type": "text/html"})
    with pytest.raises(OutsideError) as caught:
        get(kit, serve(answers).host, store)
    assert caught.value.hint


def test_a_web_server_is_not_taken_for_a_registry(kit: Any, serve: Any, store: Store) -> None:
    page = kit.Reply(200, b"<html>welcome</html>", {"Content-Type": "text/html; charset=utf-8"})
    server = serve(lambda _: page)
    with kit.client(server.host) as client, pytest.raises(OutsideError):
        push(client, store, kit.image(store, b"x"), "a/b", ["x"])


def test_retry_after_is_obeyed(kit: Any, serve: Any, answers: Answers, store: Store) -> None:
    answers.before = once(kit.Reply(429, b"", {"Retry-After": "1"}), "/manifests/")
    host = serve(answers).host
    start = time.monotonic()
    get(kit, host, store)
    assert time.monotonic() - start >= 1


@pytest.mark.parametrize("value", ["999", "Wed, 21 Oct 2099 07:28:00 GMT"])
def test_a_long_retry_after_is_an_error_at_once(
    kit: Any, serve: Any, store: Store, value: str
) -> None:
    server = serve(lambda _: kit.Reply(429, b"", {"Retry-After": value}))
    with pytest.raises(OutsideError, match=r"429, and asks to wait \d+ s"):
        get(kit, server.host, store)
    assert len(server.seen) == 1


@pytest.mark.parametrize("value", ["", "soon", "-1", "Wed, 99 Foo 2099", "²", "9" * 5000])
def test_a_senseless_retry_after_is_ignored(kit: Any, serve: Any, store: Store, value: str) -> None:
    server = serve(lambda _: kit.Reply(503, b"", {"Retry-After": value.encode().decode("latin-1")}))
    with pytest.raises(OutsideError, match="answered 503"):
        get(kit, server.host, store)
    assert len(server.seen) == kit.patience.attempts


def test_refused_connections(kit: Any, store: Store) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        host = f"127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(OutsideError, match=f"{host} refuses connections"):
            get(kit, host, store)


def test_unknown_hosts(kit: Any, store: Store) -> None:
    with pytest.raises(OutsideError, match=r"registry\.invalid"):
        get(kit, "registry.invalid", store)


def test_silence(
    kit: Any, serve: Any, answers: Answers, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "ASKING", httpx.Timeout(0.1, pool=None))
    done = threading.Event()
    answers.before = lambda _: done.wait(5) and None
    try:
        with pytest.raises(OutsideError, match="did not answer in time"):
            get(kit, serve(answers).host, store)
    finally:
        done.set()


def test_missing_images(kit: Any, serve: Any, store: Store) -> None:
    server = serve(lambda _: kit.Reply(404, b'{"errors":[{"code":"NAME_UNKNOWN"}]}'))
    with pytest.raises(OutsideError, match=r"404.*NAME_UNKNOWN") as caught:
        get(kit, server.host, store)
    assert "check the repository's name and the tag" in str(caught.value)
    with kit.client(server.host) as client:
        assert client.exists("a/b", "x") is None
        assert client.tags("a/b") == []


@pytest.mark.parametrize(
    ("location", "part"),
    [
        ("http://storage.example/x", "without TLS"),
        ("ftp://127.0.0.1/x", "cannot be used"),
        ("http://127.0.0.1:x/", "cannot be used"),
        ("/v2/round", "redirects"),
    ],
)
def test_redirects_that_are_not_followed(
    kit: Any, serve: Any, store: Store, location: str, part: str
) -> None:
    server = serve(lambda _: kit.Reply(302, b"", {"Location": location}))
    with pytest.raises(OutsideError, match=part):
        get(kit, server.host, store)


def test_loopback_never_goes_through_a_proxy(
    kit: Any, serve: Any, answers: Answers, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    assert get(kit, serve(answers).host, store) == answers.manifest


def test_senseless_surroundings(kit: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setenv("HTTPS_PROXY", "nonsense://x")
        with pytest.raises(InputError, match="proxy settings"):
            kit.client("ghcr.io")
    for name in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"):
        with monkeypatch.context() as patch:
            patch.setenv(name, "nowhere.pem")
            with pytest.raises(InputError, match=name):
                kit.client("ghcr.io")


def test_a_failed_blob_stops_the_others(
    kit: Any, serve: Any, answers: Answers, store: Store
) -> None:
    gone = kit.Reply(404)
    answers.before = lambda seen: gone if sha256(LAYER) in seen.path else None
    server = serve(answers)
    with pytest.raises(OutsideError, match="404"):
        get(kit, server.host, store)
    assert len(server.asked("GET", sha256(LAYER))) == 1


class Uploads:
    """A registry that takes uploads; `twist` changes what it says."""

    def __init__(self, kit: Any) -> None:
        self.kit = kit
        self.twist: Callable[[Any], Any] = lambda _: None

    def __call__(self, seen: Any) -> Any:
        if reply := self.twist(seen):
            return reply
        if seen.method == "POST":
            return self.kit.Reply(202, b"", {"Location": "up/1"})
        return self.kit.Reply(404 if seen.method in ("GET", "HEAD") else 201)


@pytest.mark.parametrize("status", [429, 500])
@pytest.mark.parametrize("method", ["POST", "PUT", "HEAD"])
def test_a_broken_upload_starts_again(
    kit: Any, serve: Any, store: Store, status: int, method: str
) -> None:
    registry = Uploads(kit)
    left = [kit.Reply(status)]
    registry.twist = lambda seen: left.pop() if left and seen.method == method else None
    server = serve(registry)
    blob = store.put(LAYER, LAYER_GZIP)
    moved: list[int] = []
    with kit.client(server.host) as client:
        assert Push(client, "a/b", advance=moved.append).blob(store, blob)
    assert server.asked("PUT")[-1].body == LAYER
    assert sum(moved) == len(LAYER)


def test_nothing_is_tagged_when_a_blob_fails(kit: Any, serve: Any, store: Store) -> None:
    registry = Uploads(kit)
    bad = sha256(LAYER).replace(":", "%3A")
    registry.twist = lambda seen: (
        kit.Reply(413) if seen.method == "PUT" and bad in seen.path else None
    )
    server = serve(registry)
    image = kit.image(store, LAYER, b"fine")
    with kit.client(server.host) as client, pytest.raises(OutsideError, match="answered 413"):
        push(client, store, image, "a/b", ["x"])
    assert server.asked("PUT", "/manifests/") == []


def test_a_registry_that_takes_something_else_than_was_sent(
    kit: Any, serve: Any, store: Store
) -> None:
    registry = Uploads(kit)
    other = {"Docker-Content-Digest": sha256(b"other")}
    registry.twist = lambda seen: kit.Reply(201, b"", other) if seen.method == "PUT" else None
    server = serve(registry)
    with kit.client(server.host) as client, pytest.raises(OutsideError, match="expected sha256"):
        Push(client, "a/b").blob(store, store.put(LAYER, LAYER_GZIP))


def test_names_are_checked_before_anything_is_sent(kit: Any, serve: Any, store: Store) -> None:
    server = serve(Uploads(kit))
    image = kit.image(store, b"x")
    with kit.client(server.host) as client:
        for repository, tag in (("a/B", "x"), ("a/b", "x y"), ("a/../b", "x"), ("a/b", "t" * 129)):
            with pytest.raises(InputError):
                push(client, store, image, repository, [tag])
    assert server.seen == []


def test_stopping(kit: Any, serve: Any, store: Store) -> None:
    server = serve(Uploads(kit))
    with kit.client(server.host) as client:
        session = Push(client, "a/b")
        session.stop()
        with pytest.raises(StoppedError):
            session.manifest(store, kit.image(store, LAYER), ["x"])
    assert server.asked("PUT") == []


def test_waiting_ends_when_stopped() -> None:
    stop = threading.Event()
    threading.Timer(0.05, stop.set).start()

    def fail() -> None:
        raise PassingError(OutsideError("down"))

    with pytest.raises(StoppedError):
        Patience(attempts=5, first=6000, longest=6000).through(fail, stop)
