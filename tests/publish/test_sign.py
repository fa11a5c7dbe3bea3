"""Signing keys, documents and signatures, on docker's registry; cosign itself is in tests/real."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from stackyard.errors import InputError, OutsideError
from stackyard.oci.descriptor import CONFIG, INDEX, LAYER_GZIP, MANIFEST, Descriptor
from stackyard.oci.documents import canonical
from stackyard.oci.registry.client import Registry
from stackyard.oci.registry.push import push
from stackyard.oci.registry.referrers import referrers
from stackyard.oci.store import Store
from stackyard.publish.attach import Document, attach_all
from stackyard.publish.keys import SigningKey, load_key
from stackyard.publish.sign import SIGNATURE, payload, sign_all, sign_manifest, signature_tag

# Made by `cosign generate-key-pair` 3.1.1 for these tests; its password is "secret".
COSIGN_KEY = """\
-----BEGIN ENCRYPTED SIGSTORE PRIVATE KEY-----
eyJrZGYiOnsibmFtZSI6InNjcnlwdCIsInBhcmFtcyI6eyJOIjo2NTUzNiwiciI6
OCwicCI6MX0sInNhbHQiOiI3bkNKVUpwcEt0Vjl3c0lLUXN6UGpxbERtZ0szUEh4
ZkRUbTU1OUF4YTAwPSJ9LCJjaXBoZXIiOnsibmFtZSI6Im5hY2wvc2VjcmV0Ym94
Iiwibm9uY2UiOiJlZWJzNUtJTlgzRkR4Smt0SmlyeDg2Z0p4N3VCQlhDVSJ9LCJj
aXBoZXJ0ZXh0IjoiSGpaNHMyOTB1ZnJPa284T20zY3ZCRUlKYThzcWRhZkdVeFdM
c3d1V0JwZ3pkT2NkYlM5MVc0QlJKVWl2UklGbUlzWnk1TEo0V1dqandubnVkcG5x
aDNmUi9zTmd1RHY0N2dLOHpUUjVVR2E3Ry92TkM2SHJtS2t5SzJzY2x6WEFQK3dL
Nno3ek9KczNWalFEZk5NSUkwenFBRWxLOTJhVEhkTlhzbzRQRVN4YnRqWHUrNlFw
ZkdwOHVET2hEYStndFMzbHA0RmtjUDk4SUE9PSJ9
-----END ENCRYPTED SIGSTORE PRIVATE KEY-----
"""
PASSWORD = {"COSIGN_PASSWORD": "secret"}

SBOM = Document("sbom.cdx.json", "application/vnd.cyclonedx+json", b"{}")


def told(run: str) -> Document:
    """A provenance, which each run tells otherwise."""
    return Document(
        "provenance.intoto.json",
        "application/vnd.in-toto+json",
        canonical({"run": run}),
        annotations={"in-toto.io/predicate-type": "https://slsa.dev/provenance/v1"},
        first_only=True,
    )


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[str]:
    """Docker's registry; gives its host and port."""
    config = tmp_path / "registry.yml"
    config.write_text(
        "version: 0.1\nlog: {level: info}\n"
        f"storage: {{filesystem: {{rootdirectory: {tmp_path / 'registry'}}}}}\n"
        'http: {addr: "127.0.0.1:0"}\n'
    )
    # The registry itself tells which port it got.
    log = tmp_path / "registry.log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            ["docker-registry", "serve", str(config)],
            stdout=out,
            stderr=out,
            env={"PATH": os.environ["PATH"]},
        )
    deadline = time.monotonic() + 20
    while "listening on " not in (text := log.read_text()):
        assert process.poll() is None, text
        assert time.monotonic() < deadline, text
        time.sleep(0.02)
    yield text.partition("listening on ")[2].split('"')[0]
    process.terminate()
    process.wait(10)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store.open(tmp_path / "store")


@pytest.fixture
def image(store: Store) -> Descriptor:
    document = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": store.put(b'{"os":"linux","architecture":"amd64"}', CONFIG).to_json(),
        "layers": [store.put(b"layer", LAYER_GZIP).to_json()],
    }
    return store.put(canonical(document), MANIFEST)


@pytest.fixture
def key(tmp_path: Path) -> SigningKey:
    path = tmp_path / "cosign.key"
    path.write_text(COSIGN_KEY)
    return load_key(str(path), PASSWORD)


def pem(key: Any, password: bytes | None = None) -> bytes:
    lock: Any = serialization.NoEncryption()
    if password:
        lock = serialization.BestAvailableEncryption(password)
    return bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, lock)
    )


P256 = ec.generate_private_key(ec.SECP256R1())


# Keys


def test_keys_as_cosign_and_openssl_write_them(tmp_path: Path, key: SigningKey) -> None:
    plain = tmp_path / "plain.pem"
    plain.write_bytes(pem(P256))
    locked = tmp_path / "locked.pem"
    locked.write_bytes(pem(P256, b"secret"))
    by_variable = load_key("env://THE_KEY", {"THE_KEY": pem(P256).decode()})
    keys = [key, load_key(str(plain), {}), load_key(str(locked), PASSWORD), by_variable]
    for one in keys:
        signature = one.sign(b"data")
        assert one.signed(b"data", signature)
        assert not one.signed(b"date", signature)
    assert keys[1].signed(b"data", keys[2].sign(b"data"))
    assert not keys[0].signed(b"data", keys[1].sign(b"data"))
    P256.public_key().verify(by_variable.sign(b"data"), b"data", ec.ECDSA(hashes.SHA256()))


def test_what_is_no_key(tmp_path: Path) -> None:
    body = COSIGN_KEY.splitlines()
    document = json.loads(base64.b64decode("".join(body[1:-1])))

    def sealed(**changes: Any) -> bytes:
        data = base64.b64encode(json.dumps(document | changes).encode()).decode()
        return "\n".join([body[0], data, body[-1]]).encode()

    greedy = {**document["kdf"], "params": {"N": 1 << 30, "r": 8, "p": 1}}
    odd = {**document["kdf"], "params": {"N": "1", "r": 8, "p": 1}}
    cases = {
        b"": "it is no private key in PEM form",
        b"hello": "it is no private key in PEM form",
        b"x" * 70_000: "it is too long to be a key",
        pem(ec.generate_private_key(ec.SECP384R1())): "it is not of the kind ECDSA P-256",
        pem(rsa.generate_private_key(65537, 2048)): "it is not of the kind ECDSA P-256",
        b"\n".join([body[0].encode(), b"eyJ9", body[-1].encode()]): "it is damaged",
        sealed(kdf=greedy): "it is damaged",
        sealed(kdf=odd): "it is damaged",
        sealed(cipher={"name": "rot13"}): "it is locked in a way that is not known here",
        sealed(ciphertext="AAAA"): "the password is wrong",
    }
    path = tmp_path / "a.key"
    for data, why in cases.items():
        path.write_bytes(data)
        with pytest.raises(InputError) as caught:
            load_key(str(path), PASSWORD)
        assert str(caught.value).startswith(f"reading the signing key {path}: {why}\n  hint: ")
    with pytest.raises(
        InputError, match="No such file or directory\n  hint: make one with `cosign"
    ):
        load_key(str(tmp_path / "none"), PASSWORD)
    with pytest.raises(InputError, match="env://NONE: there is no such variable"):
        load_key("env://NONE", {})


def test_passwords(tmp_path: Path) -> None:
    path = tmp_path / "a.key"
    for text in (COSIGN_KEY, pem(P256, b"secret").decode()):
        path.write_text(text)
        with pytest.raises(InputError, match="locked with a password, and none is given") as caught:
            load_key(str(path), {})
        assert caught.value.hint == "set the variable COSIGN_PASSWORD"
        with pytest.raises(InputError, match="the password is wrong") as caught:
            load_key(str(path), {"COSIGN_PASSWORD": "s3cret"})
        assert "s3cret" not in str(caught.value)


def test_without_the_extra(tmp_path: Path) -> None:
    path = tmp_path / "a.key"
    path.write_bytes(pem(P256))
    script = (
        "import sys; sys.modules['cryptography'] = None\n"
        "from stackyard.publish.keys import load_key\n"
        "from stackyard.errors import OutsideError\n"
        "try: load_key(sys.argv[1], {})\n"
        "except OutsideError as error: print(error)"
    )
    command = [sys.executable, "-c", script, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "signing needs cryptography, which is not installed" in done.stdout
    assert "hint: run: pip install 'stackyard[sign]'" in done.stdout


# Signatures


@pytest.mark.real
def test_each_key_signs_once(
    registry: str, store: Store, image: Descriptor, key: SigningKey, tmp_path: Path
) -> None:
    (tmp_path / "other.pem").write_bytes(pem(P256))
    other = load_key(str(tmp_path / "other.pem"), {})
    name = f"{registry}/a/b"
    with Registry(registry) as client:
        push(client, store, image, "a/b", ["x"])
        signed = [
            sign_manifest(client, "a/b", store, name, image.digest, signer)
            for signer in (key, other, key, other)
        ]
        data = client.manifest("a/b", signature_tag(image.digest))[1]
    assert signed == [True, True, False, False]
    entries = json.loads(data)["layers"]
    said = payload(name, image.digest)
    for signer, entry in zip((key, other), entries, strict=True):
        assert signer.signed(said, base64.b64decode(entry["annotations"][SIGNATURE]))
        answer = httpx.get(f"http://{registry}/v2/a/b/blobs/{entry['digest']}")
        assert answer.raise_for_status().content == said


@pytest.mark.real
def test_a_tag_that_is_no_signature(
    registry: str, store: Store, image: Descriptor, key: SigningKey
) -> None:
    index = canonical({"schemaVersion": 2, "mediaType": INDEX, "manifests": []})
    with Registry(registry) as client:
        client.put_manifest("a/b", signature_tag(image.digest), index, INDEX)
        with pytest.raises(OutsideError, match="what the registry has as its signatures is none"):
            sign_manifest(client, "a/b", store, f"{registry}/a/b", image.digest, key)


# Documents


@pytest.mark.real
def test_a_document_is_attached_once(registry: str, store: Store, image: Descriptor) -> None:
    with Registry(registry) as client:
        push(client, store, image, "a/b", ["x"])
        first = attach_all(client, "a/b", store, image, [SBOM, told("one")])
    # A later run, on a machine that knows nothing.
    with Registry(registry) as client:
        again = attach_all(client, "a/b", store, image, [SBOM, told("two")])
        found = referrers(client, "a/b", image.digest)
        tags = client.tags("a/b")
    assert [d.digest for d in first] == [d.digest for d in again] == [d.digest for d in found]
    assert tags == [f"sha256-{image.digest[7:]}", "x"]
    document = json.loads(store.read(first[1].digest))
    assert store.read(document["layers"][0]["digest"]) == told("one").data


@pytest.mark.real
def test_nothing_is_written_when_all_is_there(
    registry: str, store: Store, image: Descriptor, key: SigningKey, tmp_path: Path
) -> None:
    def all_of_it() -> None:
        with Registry(registry) as client:
            documents = attach_all(client, "a/b", store, image, [SBOM, told("one")])
            digests = [made.digest for made in (image, *documents)]
            sign_all(client, "a/b", store, f"{registry}/a/b", digests, key)
            assert len([t for t in client.tags("a/b") if t.endswith(".sig")]) == 3

    with Registry(registry) as client:
        push(client, store, image, "a/b", ["x"])
    all_of_it()
    log = tmp_path / "registry.log"
    before = len(log.read_text())
    all_of_it()
    asked = log.read_text()[before:]
    assert '"GET /v2/a/b/manifests/sha256-' in asked
    assert '"PUT ' not in asked
    assert '"POST ' not in asked


def test_a_registry_that_only_reads(store: Store, image: Descriptor, key: SigningKey) -> None:
    asked: list[str] = []

    class ReadOnly(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            self.rfile.read(int(self.headers.get("content-length") or 0))
            asked.append(f"{self.command} {self.path}")
            body = b'{"errors":[{"code":"DENIED","message":"read only"}]}'
            reads = self.command in ("GET", "HEAD")
            self.send_response(200 if self.path == "/v2/" else 404 if reads else 403)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(b"" if self.command == "HEAD" else body)

        do_GET = do_HEAD = do_POST = do_PUT = answer  # noqa: N815

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), ReadOnly)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    host = f"127.0.0.1:{server.server_port}"
    try:
        with Registry(host) as client:
            with pytest.raises(OutsideError, match=r"403 \(DENIED: read only\)") as caught:
                attach_all(client, "a/b", store, image, [SBOM])
            assert f"{host}/a/b" in str(caught.value)
            assert "hint: ask for access to this repository" in str(caught.value)
            with pytest.raises(OutsideError, match=r"403 \(DENIED: read only\)"):
                sign_manifest(client, "a/b", store, f"{host}/a/b", image.digest, key)
    finally:
        server.shutdown()
        server.server_close()
    assert not [line for line in asked if line.startswith("PUT ")]
