"""Uploads that break: gone on with where the registry kept their beginning, else started anew."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote

import pytest

from stackyard.errors import OutsideError
from stackyard.oci.descriptor import LAYER_GZIP
from stackyard.oci.digest import sha256
from stackyard.oci.registry.push import Push
from stackyard.oci.store import Store

LAYER = os.urandom(3_000_000)
HALF = 1_234_567


class Keeping:
    """A registry that keeps what it got of a broken upload, as the specification has it.

    `spoil` is asked about each request first: it gives a reply, or None for what is right.
    """

    def __init__(self, kit: Any) -> None:
        self.kit = kit
        self.uploads: dict[str, bytes] = {}
        self.blobs: dict[str, bytes] = {}
        self.spoil: Callable[[Any], Any] = lambda _: None

    def __call__(self, seen: Any) -> Any:
        return self.spoil(seen) or self.right(seen)

    def right(self, seen: Any) -> Any:
        path, _, query = seen.path.partition("?")
        name = path.rpartition("/")[2]
        if seen.method == "HEAD":
            data = self.blobs.get(name)
            return self.kit.Reply(200, data) if data is not None else self.kit.Reply(404)
        if seen.method == "POST":
            name = f"u{len(self.uploads)}"
            self.uploads[name] = b""
            return self.kit.Reply(202, b"", {"Location": f"/v2/a/b/blobs/uploads/{name}"})
        if name not in self.uploads:
            return self.kit.Reply(404)
        return self.upload(seen, name, query)

    def upload(self, seen: Any, name: str, query: str) -> Any:
        have = self.uploads[name]
        there = {"Location": seen.path, "Range": f"0-{len(have) - 1}"}
        if seen.method == "GET":
            return self.kit.Reply(204, b"", there)
        if seen.method == "PATCH" and not seen.headers["content-range"].startswith(f"{len(have)}-"):
            return self.kit.Reply(416)
        have = self.uploads[name] = have + seen.body
        if seen.method == "PATCH":
            return self.kit.Reply(202, b"", there)
        digest = re.search("digest=(.*)", unquote(query))[1]  # type: ignore[index]
        if sha256(have) != digest:
            return self.kit.Reply(400, b'{"errors":[{"code":"DIGEST_INVALID","message":"no"}]}')
        del self.uploads[name]
        self.blobs[digest] = have
        return self.kit.Reply(201)

    def breaks(self, method: str, kept: int, reply: Any) -> None:
        """The first request of a method gets *reply*, or none at all when it is None.

        The registry keeps the first *kept* bytes of its body.
        """
        left = [reply]

        def spoil(seen: Any) -> Any:
            if seen.method != method or not left:
                return None
            name = seen.path.partition("?")[0].rpartition("/")[2]
            self.uploads[name] += seen.body[:kept]
            if (reply := left.pop()) is None:
                raise ConnectionAbortedError("the connection is cut")
            return reply

        self.spoil = spoil


@pytest.fixture
def registry(kit: Any) -> Keeping:
    return Keeping(kit)


def sent(server: Any) -> list[tuple[str, int]]:
    return [(s.method, len(s.body)) for s in server.seen if s.method in ("PUT", "PATCH")]


def push(kit: Any, server: Any, store: Store) -> list[int]:
    moved: list[int] = []
    with kit.client(server.host) as client:
        assert Push(client, "a/b", advance=moved.append).blob(store, store.put(LAYER, LAYER_GZIP))
    return moved


@pytest.mark.parametrize("fault", ["cut", "500"])
def test_the_rest_is_sent(
    kit: Any, serve: Any, store: Store, registry: Keeping, fault: str
) -> None:
    server = serve(registry)
    registry.breaks("PUT", HALF, kit.Reply(500) if fault == "500" else None)
    moved = push(kit, server, store)
    assert registry.blobs == {sha256(LAYER): LAYER}
    assert sent(server) == [("PUT", len(LAYER)), ("PATCH", len(LAYER) - HALF), ("PUT", 0)]
    assert len(server.asked("POST")) == 1
    assert sum(moved) == len(LAYER)


def test_a_rest_that_breaks_goes_on_too(
    kit: Any, serve: Any, store: Store, registry: Keeping
) -> None:
    server = serve(registry)
    registry.breaks("PUT", HALF, kit.Reply(503))
    first = registry.spoil
    again = [HALF, HALF]

    def spoil(seen: Any) -> Any:
        if seen.method == "PATCH" and again:
            name = seen.path.rpartition("/")[2]
            registry.uploads[name] += seen.body[: again.pop() // 2]
            return kit.Reply(503)
        return first(seen)

    registry.spoil = spoil
    moved = push(kit, server, store)
    assert registry.blobs == {sha256(LAYER): LAYER}
    assert len(server.asked("POST")) == 1
    assert [length for method, length in sent(server) if method == "PATCH"] == [
        len(LAYER) - HALF,
        len(LAYER) - HALF - HALF // 2,
        len(LAYER) - HALF - HALF // 2 * 2,
    ]
    assert sum(moved) == len(LAYER)


def test_all_was_there_but_the_end(kit: Any, serve: Any, store: Store, registry: Keeping) -> None:
    server = serve(registry)
    registry.breaks("PUT", len(LAYER), kit.Reply(504))
    push(kit, server, store)
    assert registry.blobs == {sha256(LAYER): LAYER}
    assert sent(server) == [("PUT", len(LAYER)), ("PUT", 0)]


def test_only_the_answer_was_lost(kit: Any, serve: Any, store: Store, registry: Keeping) -> None:
    server = serve(registry)
    left = [kit.Reply(504)]

    def spoil(seen: Any) -> Any:
        if seen.method == "PUT" and left:
            registry.right(seen)
            return left.pop()
        return None

    registry.spoil = spoil
    moved = push(kit, server, store)
    assert registry.blobs == {sha256(LAYER): LAYER}
    assert sent(server) == [("PUT", len(LAYER))]
    assert sum(moved) == len(LAYER)


def test_a_registry_that_kept_something_else(
    kit: Any, serve: Any, store: Store, registry: Keeping
) -> None:
    """The digest is wrong at the end, so everything is sent again."""
    server = serve(registry)
    registry.breaks("PUT", 0, kit.Reply(500))
    first = registry.spoil

    def spoil(seen: Any) -> Any:
        if seen.method == "GET":
            registry.uploads[seen.path.rpartition("/")[2]] = b"x" * HALF
        return first(seen)

    registry.spoil = spoil
    moved = push(kit, server, store)
    assert registry.blobs == {sha256(LAYER): LAYER}
    assert sent(server)[-1] == ("PUT", len(LAYER))
    assert len(server.asked("POST")) == 2
    assert sum(moved) == len(LAYER)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Range": "0-0"},
        {"Range": "bytes=5-9"},
        {"Range": f"0-{len(LAYER)}"},
        {"Range": "0-" + "9" * 5000},
        {"Range": "0-9", "Location": "ftp://127.0.0.1/x"},
        {"Range": "0-9", "Location": "http://a:b:c/"},
    ],
    ids=range(7),
)
def test_senseless_states_start_anew(
    kit: Any, serve: Any, store: Store, registry: Keeping, headers: dict[str, str]
) -> None:
    server = serve(registry)
    registry.breaks("PUT", 0, kit.Reply(500))
    first = registry.spoil
    registry.spoil = lambda s: kit.Reply(204, b"", headers) if s.method == "GET" else first(s)
    push(kit, server, store)
    assert registry.blobs == {sha256(LAYER): LAYER}


@pytest.mark.parametrize("status", [404, 416])
def test_an_upload_that_is_closed_midway_starts_anew(
    kit: Any, serve: Any, store: Store, registry: Keeping, status: int
) -> None:
    server = serve(registry)
    left = [kit.Reply(status)]

    def spoil(seen: Any) -> Any:
        if seen.method == "PUT" and left:
            registry.uploads.clear()
            return left.pop()
        return None

    registry.spoil = spoil
    moved = push(kit, server, store)
    assert registry.blobs == {sha256(LAYER): LAYER}
    assert sum(moved) == len(LAYER)


def test_uploads_that_are_always_closed_are_told(
    kit: Any, serve: Any, store: Store, registry: Keeping
) -> None:
    server = serve(registry)
    registry.spoil = lambda seen: kit.Reply(404) if seen.method == "PUT" else None
    blob = store.put(LAYER, LAYER_GZIP)
    moved: list[int] = []
    with kit.client(server.host) as client, pytest.raises(OutsideError) as caught:
        Push(client, "a/b", advance=moved.append).blob(store, blob)
    assert f"pushing blob {blob.digest} to {server.host}/a/b" in caught.value.message
    assert "closed the upload before its end" in caught.value.message
    assert "registry's log" in str(caught.value)
    assert len(server.asked("POST")) == 3
    assert sum(moved) == 0
