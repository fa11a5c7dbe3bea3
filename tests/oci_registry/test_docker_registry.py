"""Against docker's own registry, plain, with passwords, with TLS, and behind a bad network."""

from __future__ import annotations

import base64
import http.client
import json
import os
import random
import shlex
import subprocess
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from stackyard.errors import InputError, OutsideError
from stackyard.oci.descriptor import INDEX, LAYER_GZIP, Platform
from stackyard.oci.reference import Reference
from stackyard.oci.registry.pull import pull, resolve
from stackyard.oci.registry.push import Push, push, push_index
from stackyard.oci.store import Store

pytestmark = pytest.mark.real

AMD64, ARM64 = Platform("linux", "amd64"), Platform("linux", "arm64")
PASSWORD_FILE_LINE = "ann:$2b$04$yhwgWCcWbIrYu.pMVLmV5eL5wWqCXTLcCyh9PI5ECRDUz9FJy7dmi\n"


@pytest.fixture
def other(tmp_path: Path) -> Store:
    return Store.open(tmp_path / "other")


def test_there_and_back(kit: Any, registry: str, store: Store, other: Store) -> None:
    image = kit.image(store, os.urandom(3_000_000), os.urandom(10), b"")
    moved: list[int] = []
    with kit.client(registry) as client:
        first = push(client, store, image, "a/b", ["one", "two"], advance=moved.append)
        again = push(client, store, image, "a/b", ["one", "two"], advance=moved.append)
        got = pull(client, Reference.parse(f"{registry}/a/b:two"), AMD64, other)
        assert client.tags("a/b") == ["one", "two"]
        assert client.exists("a/b", "one") == client.exists("a/b", image.digest)
        assert client.exists("a/b", "three") is None
        assert client.exists("a/none", "one") is None
    assert (len(first.uploaded), len(first.present), first.tags) == (4, 0, ("one", "two"))
    assert (len(again.uploaded), len(again.present)) == (0, 4)
    assert sum(moved) == 2 * first.uploaded_size
    assert got == image
    assert other.read(got.digest) == store.read(got.digest)
    for blob in first.uploaded:
        other.verify(blob.digest)


def test_other_tools_take_what_was_pushed(
    kit: Any, registry: str, store: Store, tmp_path: Path
) -> None:
    image = kit.image(store, os.urandom(1000))
    with kit.client(registry) as client:
        push(client, store, image, "a/b", ["x"])
    source = f"docker://{registry}/a/b:x"
    command = ["skopeo", "inspect", "--raw", "--tls-verify=false", source]
    done = subprocess.run(command, capture_output=True, check=True)
    assert done.stdout == store.read(image.digest)


def test_a_new_client_sends_only_what_is_missing(kit: Any, registry: str, store: Store) -> None:
    shared = os.urandom(1000)
    with kit.client(registry) as client:
        push(client, store, kit.image(store, shared, b"old"), "a/b", ["x"])
    with kit.client(registry) as client:
        report = push(client, store, kit.image(store, shared, b"new"), "a/b", ["x"])
    assert [blob.size for blob in report.uploaded] == [3]


def test_siblings_mount(kit: Any, registry: str, store: Store) -> None:
    image = kit.image(store, os.urandom(1000), os.urandom(1000))
    with kit.client(registry) as client:
        push(client, store, image, "hub/one", ["x"])
        known = push(client, store, image, "hub/two", ["x"])
    with kit.client(registry) as client:
        told = push(client, store, image, "hub/three", ["x"], mount_from=["hub/none", "hub/one"])
        alone = push(
            client, store, kit.image(store, b"z"), "hub/four", ["x"], mount_from=["hub/no"]
        )
    assert (len(known.mounted), len(known.uploaded)) == (3, 0)
    assert (len(told.mounted), len(told.uploaded)) == (3, 0)
    # Its config is the others'; only its layer is new.
    assert (len(alone.mounted), len(alone.uploaded)) == (1, 1)


def test_images_pushed_at_once_send_shared_blobs_once(
    kit: Any, registry: str, store: Store
) -> None:
    shared = [os.urandom(200_000) for _ in range(5)]
    images = [kit.image(store, *shared, os.urandom(10)) for _ in range(4)]
    with kit.client(registry) as client, ThreadPoolExecutor(4) as pool:
        reports = list(
            pool.map(lambda i: push(client, store, images[i], f"hub/i{i}", ["x"]), range(4))
        )
    assert sum(blob.size == 200_000 for report in reports for blob in report.uploaded) == 5


def test_blobs_before_the_manifest(kit: Any, registry: str, store: Store) -> None:
    layer = os.urandom(5000)
    early = store.put(layer, LAYER_GZIP)
    with kit.client(registry) as client:
        session = Push(client, "a/b")
        assert session.blob(store, early) is True
        assert session.blob(store, early) is False
        report = session.manifest(store, kit.image(store, layer), ["x"])
    assert [b.digest for b in report.uploaded].count(early.digest) == 1
    assert report.present == ()


def test_indexes(kit: Any, registry: str, store: Store, other: Store) -> None:
    amd64 = kit.image(store, b"one")
    arm64 = kit.image(store, b"two", platform="linux/arm64/v8")
    with kit.client(registry) as client:
        report = push_index(client, store, kit.index(store, amd64, arm64), "a/b", ["x"])
        reference = Reference.parse(f"{registry}/a/b:x")
        assert resolve(client, reference, AMD64).digest == amd64.digest
        assert pull(client, reference, ARM64, other).digest == arm64.digest
        with pytest.raises(InputError, match=r"made for linux/amd64, linux/arm64/v8"):
            resolve(client, reference, Platform("linux", "s390x"))
        found = client.exists("a/b", "x")
    assert found is not None
    assert found.media_type == INDEX
    assert found.digest == report.manifest.digest
    assert len(report.uploaded) == 4


def test_single_images_are_checked_for_their_platform(
    kit: Any, registry: str, store: Store
) -> None:
    with kit.client(registry) as client:
        push(client, store, kit.image(store, b"one"), "a/b", ["x"])
        with pytest.raises(InputError, match="made for linux/amd64"):
            resolve(client, Reference.parse(f"{registry}/a/b:x"), ARM64)


def test_docker_media_types_keep_their_bytes(
    kit: Any, registry: str, store: Store, other: Store
) -> None:
    image = kit.image(store, b"one", docker=True)
    with kit.client(registry) as client:
        push(client, store, image, "a/b", ["x"])
        assert pull(client, Reference.parse(f"{registry}/a/b:x"), AMD64, other) == image


def test_a_pinned_image_in_the_store_needs_no_registry(
    kit: Any, registry: str, store: Store
) -> None:
    image = kit.image(store, b"one")
    with kit.client("127.0.0.1:1") as client:
        reference = Reference.parse(f"127.0.0.1:1/a/b@{image.digest}")
        assert pull(client, reference, AMD64, store) == image
        with pytest.raises(InputError):
            pull(client, reference, ARM64, store)


@pytest.mark.parametrize("damage", ["changed", "short", "gone"])
def test_a_damaged_store_tags_nothing(kit: Any, registry: str, store: Store, damage: str) -> None:
    layer = os.urandom(5000)
    image = kit.image(store, layer, b"fine")
    path = store.blob_path(store.put(layer, LAYER_GZIP).digest)
    path.unlink()
    if damage != "gone":
        path.write_bytes(layer[:-1] + (b"" if damage == "short" else bytes([layer[-1] ^ 1])))
    with kit.client(registry) as client:
        with pytest.raises(OutsideError) as caught:
            push(client, store, image, "a/b", ["x"])
        assert client.tags("a/b") == []
    assert "the store" in caught.value.message
    assert "build (or fetch)" in str(caught.value)


def test_a_read_only_registry(kit: Any, start_registry: Any, store: Store) -> None:
    host = start_registry(storage="  maintenance: {readonly: {enabled: true}}")
    with kit.client(host) as client, pytest.raises(OutsideError, match="405"):
        push(client, store, kit.image(store, b"x"), "a/b", ["x"])


def test_passwords(
    kit: Any, start_registry: Any, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    passwords = tmp_path / "htpasswd"
    passwords.write_text(PASSWORD_FILE_LINE)
    host = start_registry(f"auth: {{htpasswd: {{realm: r, path: {passwords}}}}}")
    image = kit.image(store, b"x" * 100_000)
    with kit.client(host) as client, pytest.raises(OutsideError, match=r"401(.|\n)*none found"):
        push(client, store, image, "a/b", ["x"])
    login = tmp_path / "auth.json"
    monkeypatch.setenv("REGISTRY_AUTH_FILE", str(login))
    for password in ("wrong", "s3cret"):
        pair = base64.b64encode(f"ann:{password}".encode()).decode()
        login.write_text(json.dumps({"auths": {host: {"auth": pair}}}))
        with kit.client(host) as client:
            if password == "s3cret":
                assert push(client, store, image, "a/b", ["x"]).uploaded
            else:
                with pytest.raises(OutsideError, match=r"401(.|\n)*auth\.json"):
                    push(client, store, image, "a/b", ["x"])


def test_tls(
    kit: Any, start_registry: Any, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key, certificate = tmp_path / "key.pem", tmp_path / "cert.pem"
    subprocess.run(
        shlex.split(
            "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=x"
            f" -addext subjectAltName=IP:127.0.0.1 -keyout {key} -out {certificate}"
        ),
        check=True,
        capture_output=True,
    )
    host = start_registry(tls=f", tls: {{certificate: {certificate}, key: {key}}}")
    image = kit.image(store, b"x" * 100_000)
    with kit.client(host) as client, pytest.raises(OutsideError) as caught:
        push(client, store, image, "a/b", ["x"])
    assert "is not trusted: self" in caught.value.message
    assert "SSL_CERT_FILE" in str(caught.value)
    for name in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"):
        with monkeypatch.context() as patch, kit.client("127.0.0.1:1"):
            patch.setenv(name, str(certificate))
            with kit.client(host) as client:
                assert push(client, store, image, "a/b", ["x"]).tags == ("x",)


class BadNetwork:
    """Passes requests on; one in twenty is answered 429, 500, or cut before or after it."""

    def __init__(self, kit: Any, host: str) -> None:
        self.kit, self.host, self.faults = kit, host, 0
        self.random, self.lock = random.Random(4), threading.Lock()  # noqa: S311 - the same faults every time

    def __call__(self, seen: Any) -> Any:
        with self.lock:
            fault = self.random.choice(["429", "500", "lost", "cut"])
            fault = fault if self.random.random() < 0.05 else ""
            self.faults += bool(fault)
        if fault in ("429", "500"):
            return self.kit.Reply(int(fault))
        connection = http.client.HTTPConnection(self.host, timeout=30)
        connection.request(seen.method, seen.path, seen.body, seen.headers)
        answer = connection.getresponse()
        body = answer.read()
        connection.close()
        headers = {k: v for k, v in answer.getheaders() if k.lower() != "transfer-encoding"}
        if fault:
            half = len(body) // 2 if fault == "cut" else 0
            headers["Content-Length"] = str(max(1, len(body)))
            return self.kit.Reply(answer.status, body, headers, cut=half)
        return self.kit.Reply(answer.status, body, headers)


def test_a_bad_network(kit: Any, serve: Any, registry: str, store: Store, other: Store) -> None:
    network = BadNetwork(kit, registry)
    host = serve(network).host
    image = kit.image(store, *(os.urandom(100_000 + n) for n in range(120)))
    with kit.client(host) as client:
        report = push(client, store, image, "a/b", ["x"])
        pull(client, Reference.parse(f"{host}/a/b:x"), AMD64, other)
    assert network.faults > 10
    assert len(report.uploaded) == 121
    for blob in report.uploaded:
        other.verify(blob.digest)
