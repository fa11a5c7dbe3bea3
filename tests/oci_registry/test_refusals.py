"""Registries that refuse: each a message with the reference, the cause and the remedy."""

from __future__ import annotations

import base64
import json
import os
import threading
from collections.abc import Callable
from email.utils import formatdate
from pathlib import Path
from time import monotonic, time
from typing import Any
from urllib.parse import parse_qs

import pytest

from stackyard.errors import InputError, OutsideError
from stackyard.oci.descriptor import CONFIG, LAYER_GZIP, MANIFEST, Platform
from stackyard.oci.reference import Reference
from stackyard.oci.registry.client import Registry
from stackyard.oci.registry.faults import PassingError
from stackyard.oci.registry.patience import Patience
from stackyard.oci.registry.pull import pull
from stackyard.oci.registry.push import Push, push
from stackyard.oci.store import Store

AMD64 = Platform("linux", "amd64")
LINE = "ann:$2b$04$yhwgWCcWbIrYu.pMVLmV5eL5wWqCXTLcCyh9PI5ECRDUz9FJy7dmi\n"
"""What htpasswd makes of ann and s3cret."""


class Plain:
    """A registry that takes all, but for what `twist` says."""

    def __init__(self, kit: Any) -> None:
        self.kit = kit
        self.twist: Callable[[Any], Any] = lambda _: None

    def __call__(self, seen: Any) -> Any:
        if reply := self.twist(seen):
            return reply
        if seen.method == "POST":
            return self.kit.Reply(202, b"", {"Location": "/v2/up/1"})
        return self.kit.Reply(404 if seen.method in ("GET", "HEAD") else 201)


@pytest.fixture
def plain(kit: Any) -> Plain:
    return Plain(kit)


def test_a_read_only_repository(
    kit: Any, serve: Any, store: Store, plain: Plain, tmp_path: Path, monkeypatch: Any
) -> None:
    server = serve(plain)
    login = tmp_path / "auth.json"
    pair = base64.b64encode(b"ann:s3cret").decode()
    login.write_text(json.dumps({"auths": {server.host: {"auth": pair}}}))
    monkeypatch.setenv("REGISTRY_AUTH_FILE", str(login))
    denied = b'{"errors":[{"code":"DENIED","message":"only reading"}]}'
    plain.twist = lambda seen: kit.Reply(403, denied) if seen.method == "POST" else None
    with kit.client(server.host) as client, pytest.raises(OutsideError) as caught:
        push(client, store, kit.image(store, b"one", b"two"), "a/b", ["x", "y"])
    assert f"{server.host}/a/b" in caught.value.message
    assert "answered 403 (DENIED: only reading)" in caught.value.message
    assert f"ask for access to this repository (credentials: {login})" in str(caught.value)
    assert "s3cret" not in str(caught.value)
    assert server.asked("PUT") == []


def test_a_registry_that_takes_no_manifest_so_large(
    kit: Any, serve: Any, store: Store, plain: Plain
) -> None:
    server = serve(plain)
    plain.twist = lambda seen: (
        kit.Reply(413) if seen.method == "PUT" and "/manifests/" in seen.path else None
    )
    image = kit.image(store, b"one")
    with kit.client(server.host) as client, pytest.raises(OutsideError) as caught:
        push(client, store, image, "a/b", ["x"])
    assert f"pushing {server.host}/a/b@{image.digest}" in caught.value.message
    assert "413" in caught.value.message
    assert "limits sizes" in str(caught.value)
    assert [s.path.rpartition("/")[2] for s in server.asked("PUT", "/manifests/")] == [image.digest]


def test_a_manifest_that_no_registry_takes(
    kit: Any, serve: Any, store: Store, plain: Plain
) -> None:
    server = serve(plain)
    config = store.put(b'{"os":"linux","architecture":"amd64"}', CONFIG)
    layer = store.put(b"one", LAYER_GZIP)
    document = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": config.to_json(),
        "layers": [layer.to_json()],
        "annotations": {"much": "x" * (4 << 20)},
    }
    image = store.put(json.dumps(document).encode(), MANIFEST)
    with kit.client(server.host) as client, pytest.raises(InputError) as caught:
        push(client, store, image, "a/b", ["x"])
    assert f"{server.host}/a/b@{image.digest}" in caught.value.message
    assert f"{image.size} bytes" in caught.value.message
    assert "fewer layers" in str(caught.value)
    assert {s.method for s in server.seen} <= {"GET", "HEAD"}


def test_a_name_over_the_limit(kit: Any, serve: Any, store: Store, plain: Plain) -> None:
    server = serve(plain)
    with kit.client(server.host) as client, pytest.raises(InputError, match="longer than 255"):
        push(client, store, kit.image(store, b"x"), "a/" + "b" * 255, ["x"])
    assert server.seen == []


@pytest.mark.parametrize("status", [202, 400, 401, 403, 404, 405])
def test_refused_mounts_are_sent(
    kit: Any, serve: Any, store: Store, plain: Plain, status: int
) -> None:
    server = serve(plain)
    opened = {"Location": "/v2/a/b/blobs/uploads/refused"}

    def twist(seen: Any) -> Any:
        if "mount=" in seen.path:
            return kit.Reply(status, b"", opened if status == 202 else {})
        if seen.method == "HEAD" and "/v2/sib/ling/" in seen.path:
            return kit.Reply(200, b"layer")
        return None

    plain.twist = twist
    blob = store.put(b"layer", LAYER_GZIP)
    with kit.client(server.host) as client:
        session = Push(client, "a/b", mount_from=["sib/ling"])
        assert session.blob(store, blob) is True
    (mount,) = server.asked("POST", "mount=")
    assert parse_qs(mount.path.partition("?")[2]) == {"mount": [blob.digest], "from": ["sib/ling"]}
    assert [s.body for s in server.asked("PUT")] == [b"layer"]
    # An upload that the refusal opened is closed again.
    assert len(server.asked("DELETE", "/refused")) == (status == 202)


@pytest.mark.parametrize("location", [None, "http://a:b:c/", "ftp://127.0.0.1/x", "http://u@h/"])
def test_uploads_to_nowhere(
    kit: Any, serve: Any, store: Store, plain: Plain, location: str | None
) -> None:
    server = serve(plain)
    headers = {} if location is None else {"Location": location}
    plain.twist = lambda seen: kit.Reply(202, b"", headers) if seen.method == "POST" else None
    with kit.client(server.host) as client, pytest.raises(OutsideError) as caught:
        Push(client, "a/b").blob(store, store.put(b"layer", LAYER_GZIP))
    assert "/a/b" in caught.value.message
    assert "OCI registry" in str(caught.value)


def test_a_list_of_tags_that_goes_on_nowhere(kit: Any, serve: Any) -> None:
    link = {"Link": '<http://a:b:c/>; rel="next"'}
    server = serve(lambda _: kit.Reply(200, b'{"tags": ["x"]}', link))
    with kit.client(server.host) as client, pytest.raises(OutsideError, match="cannot be read"):
        client.tags("a/b")


def test_plain_http_is_for_loopback_or_when_asked_for(
    kit: Any, registry: str, store: Store
) -> None:
    """0.0.0.0 reaches this machine, but does not say that it is this machine."""
    host = registry.replace("127.0.0.1", "0.0.0.0")  # noqa: S104 - nothing is bound
    image = kit.image(store, b"one")
    with kit.client(host) as client, pytest.raises(OutsideError) as caught:
        push(client, store, image, "a/b", ["x"])
    assert "does not speak TLS" in caught.value.message
    assert "say that it is insecure" in str(caught.value)
    with kit.client(host, insecure=True) as client:
        assert push(client, store, image, "a/b", ["x"]).tags == ("x",)


@pytest.mark.parametrize("key", ["credsStore", "credHelpers"])
def test_a_helper_program_logs_in(
    kit: Any,
    start_registry: Any,
    store: Store,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    key: str,
) -> None:
    passwords = tmp_path / "htpasswd"
    passwords.write_text(LINE)
    host = start_registry(f"auth: {{htpasswd: {{realm: r, path: {passwords}}}}}")
    program = tmp_path / "bin" / "docker-credential-fake"
    program.parent.mkdir()
    answer = json.dumps({"ServerURL": host, "Username": "ann", "Secret": "s3cret"})
    asked = tmp_path / "asked"
    program.write_text(f"#!/bin/sh\necho $1 >> {asked}\ncat >> {asked}\necho '{answer}'\n")
    program.chmod(0o755)
    config = {"credsStore": "fake"} if key == "credsStore" else {"credHelpers": {host: "fake"}}
    (tmp_path / "config.json").write_text(json.dumps(config))
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    image = kit.image(store, b"one")
    with kit.client(host) as client:
        push(client, store, image, "a/b", ["x"])
        got = pull(client, Reference.parse(f"{host}/a/b:x"), AMD64, Store.open(tmp_path / "other"))
    assert got == image
    # One repository needs one answer.
    assert asked.read_text() == f"get\n{host}"


def test_an_identity_token_is_good_for_a_push(
    kit: Any, serve: Any, store: Store, plain: Plain, tmp_path: Path, monkeypatch: Any
) -> None:
    server = serve(plain)
    login = tmp_path / "auth.json"
    login.write_text(json.dumps({"auths": {server.host: {"identitytoken": "long"}}}))
    monkeypatch.setenv("REGISTRY_AUTH_FILE", str(login))
    challenge = f'Bearer realm="http://{server.host}/token",service="s"'

    def twist(seen: Any) -> Any:
        if seen.path == "/token":
            right = parse_qs(seen.body.decode())["refresh_token"] == ["long"]
            return kit.Reply(200 if right else 401, b'{"access_token": "short"}')
        if seen.headers.get("authorization") != "Bearer short":
            return kit.Reply(401, b"", {"WWW-Authenticate": challenge})
        return None

    plain.twist = twist
    with kit.client(server.host) as client:
        push(client, store, kit.image(store, b"one"), "a/b", ["x"])
    assert server.asked("PUT", "/manifests/x")
    assert {s.method for s in server.seen if s.path.startswith("/token")} == {"POST"}
    assert not any("long" in s.headers.get("authorization", "") for s in server.seen)


def test_a_date_in_retry_after_is_obeyed(kit: Any, serve: Any, store: Store, plain: Plain) -> None:
    server = serve(plain)
    until = formatdate(time() + 2, usegmt=True)
    left = [kit.Reply(429, b"", {"Retry-After": until})]
    plain.twist = lambda seen: left.pop() if left and seen.method == "PUT" else None
    start = monotonic()
    with kit.client(server.host) as client:
        assert Push(client, "a/b").blob(store, store.put(b"layer", LAYER_GZIP))
    # A date has whole seconds.
    assert monotonic() - start >= 0.9


def test_who_gets_on_may_try_again() -> None:
    """A long transfer over a bad line is cut more often than there are tries."""
    moved = 0

    def cut() -> str:
        nonlocal moved
        if moved == 20 << 20:
            return "done"
        moved += 2 << 20
        raise PassingError(OutsideError("cut"))

    patience = Patience(attempts=3, first=0.001, longest=0.001)
    assert patience.through(cut, threading.Event(), lambda: moved) == "done"
    moved = 0
    with pytest.raises(OutsideError, match="cut"):
        patience.through(cut, threading.Event())
    assert moved == 3 * (2 << 20)


def test_what_did_not_change_is_asked_for_once_a_tag(
    kit: Any, serve: Any, store: Store, plain: Plain
) -> None:
    """A tag that names the manifest says that the manifest is there."""
    server = serve(plain)
    image = kit.image(store, b"one")
    headers = {"Docker-Content-Digest": image.digest, "Content-Type": MANIFEST}
    there = kit.Reply(200, store.read(image.digest), headers)
    plain.twist = lambda seen: there if seen.method == "HEAD" else None
    with Registry(server.host, patience=kit.patience) as client:
        report = push(client, store, image, "a/b", ["x", "y", "x"])
    assert report.tags == ("x", "y")
    assert len(report.present) == 2
    asked = [(s.method, s.path) for s in server.seen if s.path != "/v2/"]
    assert asked == [("HEAD", "/v2/a/b/manifests/x"), ("HEAD", "/v2/a/b/manifests/y")]


def test_what_a_look_up_found_is_not_asked_again(
    kit: Any, serve: Any, store: Store, plain: Plain
) -> None:
    server = serve(plain)
    image = kit.image(store, b"one")
    with kit.client(server.host) as client:
        session = Push(client, "a/b")
        session.known(image, "x")
        assert session.manifest(store, image, ["x"]).tags == ("x",)
        assert [s.method for s in server.seen if s.path != "/v2/"] == []
        other = kit.image(store, b"two")
        session.manifest(store, other, ["x"])
    assert [s.path.rpartition("/")[2] for s in server.asked("PUT", "/manifests/")] == [
        other.digest,
        "x",
    ]
