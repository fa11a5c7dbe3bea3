from __future__ import annotations

import base64
import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from stackyard.errors import OutsideError
from stackyard.oci.descriptor import LAYER_GZIP
from stackyard.oci.registry.auth import Access, Authorizer
from stackyard.oci.registry.credentials import Credentials, Found
from stackyard.oci.registry.download import fetch
from stackyard.oci.registry.push import Push
from stackyard.oci.store import Store

SECRET = "hunter2"


@pytest.fixture
def login(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Path]:
    def write(host: str) -> Path:
        pair = base64.b64encode(f"ann:{SECRET}".encode()).decode()
        path = tmp_path / "login.json"
        path.write_text(json.dumps({"auths": {host: {"auth": pair}}}))
        monkeypatch.setenv("REGISTRY_AUTH_FILE", str(path))
        return path

    return write


def challenge(server_host: str, scope: str = "repository:a:pull") -> dict[str, str]:
    realm = f"http://{server_host}/token"
    return {"WWW-Authenticate": f'Bearer realm="{realm}",service="reg",scope="{scope}"'}


class TokenRegistry:
    """A registry with a token server; `lives` is how many requests a token is good for."""

    def __init__(self, kit: Any, lives: int = 1000) -> None:
        self.kit, self.lives, self.host = kit, lives, ""
        self.left: dict[str, int] = {}
        self.lock = threading.Lock()

    def __call__(self, seen: Any) -> Any:
        if seen.path.startswith("/token"):
            with self.lock:
                token = f"t{len(self.left)}"
                self.left[token] = self.lives
            return self.kit.Reply(200, json.dumps({"token": token, "expires_in": 300}).encode())
        token = seen.headers.get("authorization", "").removeprefix("Bearer ")
        with self.lock:
            if self.left.get(token, 0) <= 0:
                return self.kit.Reply(401, b"", challenge(self.host))
            self.left[token] -= 1
        return self.answer(seen)

    def answer(self, seen: Any) -> Any:
        if "/tags/list" in seen.path:
            return self.kit.Reply(200, b'{"tags": ["b", "a"]}')
        if seen.method == "POST":
            return self.kit.Reply(202, b"", {"Location": "/v2/a/blobs/uploads/1"})
        return self.kit.Reply({"PUT": 201, "HEAD": 404}.get(seen.method, 404))


def test_anonymous_tokens(kit: Any, serve: Any) -> None:
    registry = TokenRegistry(kit)
    server = serve(registry)
    registry.host = server.host
    with kit.client(server.host) as client:
        assert client.tags("a") == ["a", "b"]
        assert client.tags("a") == ["a", "b"]
    (token,) = server.asked("GET", "/token")
    assert "authorization" not in token.headers
    assert parse_qs(urlsplit(token.path).query) == {
        "service": ["reg"],
        "scope": ["repository:a:pull"],
    }
    assert len(server.asked("GET", "tags/list")) == 3


def test_credentials_go_to_the_token_server_only(kit: Any, serve: Any, login: Any) -> None:
    registry = TokenRegistry(kit)
    server = serve(registry)
    registry.host = server.host
    login(server.host)
    with kit.client(server.host) as client:
        client.tags("a")
    for seen in server.asked("GET"):
        scheme = seen.headers.get("authorization", "").partition(" ")[0]
        assert scheme in (("Basic",) if seen.path.startswith("/token") else ("", "Bearer"))


def test_tokens_are_renewed_in_the_middle_of_a_push(
    kit: Any, serve: Any, login: Any, store: Store
) -> None:
    registry = TokenRegistry(kit, lives=2)  # the third request, a blob's PUT, is refused
    server = serve(registry)
    registry.host = server.host
    login(server.host)
    blob = store.put(b"x" * 3_000_000, LAYER_GZIP)
    moved = 0

    def advance(count: int) -> None:
        nonlocal moved
        moved += count

    with kit.client(server.host) as client:
        assert Push(client, "a", advance=advance).blob(store, blob) is True
    first, second = server.asked("PUT")
    assert first.headers["authorization"] != second.headers["authorization"]
    assert second.body == b"x" * 3_000_000
    assert moved == blob.size


def test_basic(kit: Any, serve: Any, login: Any) -> None:
    right = "Basic " + base64.b64encode(f"ann:{SECRET}".encode()).decode()

    def answer(seen: Any) -> Any:
        if seen.headers.get("authorization") != right:
            return kit.Reply(401, b"", {"WWW-Authenticate": 'Basic realm="x"'})
        return kit.Reply(200, b'{"tags": null}')

    server = serve(answer)
    login(server.host)
    with kit.client(server.host) as client:
        assert client.tags("a") == []


@pytest.mark.parametrize("scheme", ["Basic", "Bearer"])
def test_refusals_name_the_file_and_no_secret(
    kit: Any, serve: Any, login: Any, scheme: str
) -> None:
    host = ""

    def answer(seen: Any) -> Any:
        header = challenge(host) if scheme == "Bearer" else {"WWW-Authenticate": "Basic realm=x"}
        return kit.Reply(401, b'{"errors":[{"code":"UNAUTHORIZED","message":"no"}]}', header)

    server = serve(answer)
    host = server.host
    path = login(server.host)
    with kit.client(server.host) as client, pytest.raises(OutsideError) as caught:
        client.tags("a")
    assert "401 (UNAUTHORIZED: no)" in caught.value.message
    assert str(path) in str(caught.value)
    assert SECRET not in str(caught.value)
    assert base64.b64encode(SECRET.encode()).decode()[:6] not in str(caught.value)
    assert len(server.seen) <= 4


def test_without_credentials_the_error_says_where_was_looked(kit: Any, serve: Any) -> None:
    server = serve(lambda _: kit.Reply(403))
    with kit.client(server.host) as client, pytest.raises(OutsideError) as caught:
        client.exists("a", "b")
    assert "answered 403" in caught.value.message
    assert "none found in" in str(caught.value)


def test_redirects_to_storage_lose_the_token(
    kit: Any, serve: Any, login: Any, tmp_path: Path
) -> None:
    store = Store.open(tmp_path / "other")
    blob = store.put(b"layer", LAYER_GZIP)
    storage = serve(lambda _: kit.Reply(200, b"layer"))
    registry = TokenRegistry(kit)
    registry.answer = lambda _: kit.Reply(307, b"", {"Location": f"http://{storage.host}/b?sig=1"})  # type: ignore[method-assign]
    server = serve(registry)
    registry.host = server.host
    login(server.host)
    into = Store.open(tmp_path / "into")
    with kit.client(server.host) as client:
        fetch(client, "a", blob, into, advance=lambda _: None, stop=threading.Event())
    assert into.has(blob.digest)
    assert "authorization" in server.asked("GET", "/blobs/")[-1].headers
    assert [s.path for s in storage.seen] == ["/b?sig=1"]
    assert "authorization" not in storage.seen[0].headers


def test_uploads_elsewhere_get_no_token(kit: Any, serve: Any, login: Any, store: Store) -> None:
    blob = store.put(b"layer", LAYER_GZIP)
    storage = serve(lambda _: kit.Reply(401 if blob is None else 201))
    registry = TokenRegistry(kit)
    plain = registry.answer

    def answer(seen: Any) -> Any:
        if seen.method == "POST":
            return kit.Reply(202, b"", {"Location": f"http://{storage.host}/up?_state=a%3D%3D"})
        return plain(seen)

    registry.answer = answer  # type: ignore[method-assign]
    server = serve(registry)
    registry.host = server.host
    login(server.host)
    with kit.client(server.host) as client:
        assert Push(client, "a").blob(store, blob)
    (put,) = storage.seen
    assert put.path == f"/up?_state=a%3D%3D&digest=sha256%3A{blob.digest[7:]}"
    assert (put.body, put.headers["content-length"]) == (b"layer", "5")
    assert "authorization" not in put.headers
    assert "transfer-encoding" not in put.headers


@pytest.mark.parametrize(
    "realm", ["http://token.example/x", "ftp://127.0.0.1/x", "http://[", "http://u:p@127.0.0.1/"]
)
def test_a_realm_that_must_not_see_credentials(
    kit: Any, serve: Any, login: Any, realm: str
) -> None:
    server = serve(lambda _: kit.Reply(401, b"", {"WWW-Authenticate": f'Bearer realm="{realm}"'}))
    login(server.host)
    with kit.client(server.host) as client, pytest.raises(OutsideError) as caught:
        client.tags("a")
    assert "logging in to" in str(caught.value)


@pytest.mark.parametrize(
    "body",
    [b"<html>", b"[]", b"{}", b'{"token": 5}', b'{"token": "a\\nb"}', b'{"token": "\xc3\xbc"}'],
)
def test_a_token_server_that_answers_nonsense(kit: Any, serve: Any, body: bytes) -> None:
    host = ""

    def answer(seen: Any) -> Any:
        token = seen.path.startswith("/token")
        return kit.Reply(200, body) if token else kit.Reply(401, b"", challenge(host))

    server = serve(answer)
    host = server.host
    with kit.client(server.host) as client, pytest.raises(OutsideError, match="logging in"):
        client.tags("a")


def test_identity_tokens_are_exchanged() -> None:
    asked: list[tuple[str, dict[str, list[str]]]] = []

    def fetch_token(url: str, *, headers: Any, form: bytes | None, credentials: str) -> bytes:
        asked.append((url, parse_qs((form or b"").decode())))
        assert "Authorization" not in headers
        return b'{"access_token": "short"}'

    found = Found(Credentials(identity_token="long"), "a file")
    auth = Authorizer("r.example", lambda _: found, fetch_token)
    access = Access("a", push=True, source="b")
    assert auth.header(access) is None
    assert auth.challenged(['Bearer realm="https://r.example/t",service="s"'], access, None)
    assert auth.header(access) == auth.header(access) == "Bearer short"
    ((url, form),) = asked
    assert url == "https://r.example/t"
    assert form["refresh_token"] == ["long"]
    assert form["scope"] == ["repository:a:pull,push repository:b:pull"]


def test_expired_tokens_are_fetched_again() -> None:
    lives = iter([b'{"token": "one", "expires_in": 1e-9}', b'{"token": "two", "expires_in": 300}'])
    auth = Authorizer("r", lambda _: Found(None, ""), lambda *_, **__: next(lives))
    auth.challenged(['Basic realm="x, Bearer y"', 'Bearer realm="https://r/t"'], Access("a"), None)
    assert [auth.header(Access("a")) for _ in range(3)] == [
        "Bearer one",
        "Bearer two",
        "Bearer two",
    ]


@pytest.mark.parametrize("header", ["", "Negotiate", "Bearer", 'Bearer realm=""', "Basic" * 1000])
def test_challenges_that_cannot_be_met(header: str) -> None:
    auth = Authorizer("r", lambda _: Found(None, ""), lambda *_, **__: b"")
    assert auth.challenged([header], Access("a"), None) is False
