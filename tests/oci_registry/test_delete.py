"""Deleting manifests: docker's registry, and registries that refuse."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from stackyard.errors import OutsideError
from stackyard.oci.registry.delete import delete_manifest
from stackyard.oci.registry.push import push
from stackyard.oci.store import Store

Serve = Callable[[Callable[[Any], Any]], Any]
DIGEST = f"sha256:{'0' * 64}"


def errors(code: str, message: str = "no") -> bytes:
    return json.dumps({"errors": [{"code": code, "message": message}]}).encode()


@pytest.mark.real
def test_all_tags_go_and_others_stay(kit: Any, registry: str, store: Store) -> None:
    with kit.client(registry) as client:
        one, two = (kit.image(store, os.urandom(100)) for _ in range(2))
        push(client, store, one, "a/b", ["x", "y"])
        push(client, store, two, "a/b", ["z"])
        assert delete_manifest(client, "a/b", one.digest) is True
        assert client.tags("a/b") == ["z"]
        assert client.exists("a/b", one.digest) is None
        assert delete_manifest(client, "a/b", one.digest) is False
        assert client.exists("a/b", "z") is not None


def test_a_tag_is_no_digest(kit: Any, registry: str) -> None:
    with kit.client(registry) as client, pytest.raises(ValueError, match="not a digest"):
        delete_manifest(client, "a/b", "latest")


@pytest.mark.parametrize(
    ("status", "body", "told", "hint"),
    [
        (405, errors("UNSUPPORTED"), "answered 405 (UNSUPPORTED: no): it deletes", "DELETE_ENAB"),
        (400, errors("UNSUPPORTED"), "answered 400 (UNSUPPORTED: no): it deletes", "DELETE_ENAB"),
        (404, errors("UNSUPPORTED"), "answered 404 (UNSUPPORTED: no): it deletes", "DELETE_ENAB"),
        (501, b"", "answered 501: it deletes nothing", "DELETE_ENABLED=true"),
        (400, errors("NAME_INVALID"), "answered 400 (NAME_INVALID: no)", "registry's log"),
        (412, errors("PRECONDITION"), "(PRECONDITION: no): the registry protects it", "immutable"),
        (403, errors("DENIED"), "answered 403 (DENIED: no)", "ask for access"),
        (401, errors("UNAUTHORIZED"), "answered 401 (UNAUTHORIZED: no)", "docker login"),
    ],
)
def test_refused(kit: Any, serve: Serve, status: int, body: bytes, told: str, hint: str) -> None:
    server = serve(lambda seen: kit.Reply(status if seen.method == "DELETE" else 200, body))
    with kit.client(server.host) as client, pytest.raises(OutsideError) as caught:
        delete_manifest(client, "a/b", DIGEST)
    text = str(caught.value)
    assert f"deleting {server.host}/a/b@{DIGEST}" in text
    assert told in text
    assert hint in text


def test_passing_faults_are_borne(kit: Any, serve: Serve) -> None:
    answers = iter([503, 429, 202])

    def answer(seen: Any) -> Any:
        return kit.Reply(next(answers) if seen.method == "DELETE" else 200)

    server = serve(answer)
    with kit.client(server.host) as client:
        assert delete_manifest(client, "a/b", DIGEST) is True
    assert len(server.asked("DELETE")) == 3


def test_the_token_is_for_deleting(kit: Any, serve: Serve) -> None:
    scopes: list[str] = []

    def answer(seen: Any) -> Any:
        if seen.path.startswith("/token"):
            scopes.extend(parse_qs(urlsplit(seen.path).query)["scope"])
            return kit.Reply(200, json.dumps({"token": "t"}).encode())
        if seen.headers.get("authorization") == "Bearer t":
            return kit.Reply(202)
        challenge = f'Bearer realm="http://{seen.headers["host"]}/token",service="s"'
        return kit.Reply(401, b"", {"WWW-Authenticate": challenge})

    server = serve(answer)
    with kit.client(server.host) as client:
        assert delete_manifest(client, "a/b", DIGEST)
    assert scopes == ["repository:a/b:pull,delete"]
