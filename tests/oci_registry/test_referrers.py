"""What is attached to images, on docker's registry and on one with the referrers API.

Docker's registry (2.8) has no referrers API, and no registry that has it comes from a package
that can be had here: so the API is put before docker's registry by a server in this process,
which keeps nothing but which manifests name which subject.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from stackyard.errors import OutsideError
from stackyard.oci.artifact import artifact
from stackyard.oci.descriptor import INDEX, MANIFEST, Descriptor
from stackyard.oci.registry.push import Push, push
from stackyard.oci.registry.referrers import (
    Attachable,
    attach,
    fallback_tag,
    listing,
    referrers,
)
from stackyard.oci.store import Store

SBOM = "application/vnd.cyclonedx+json"
NOTES = "text/plain"


class WithApi:
    """Docker's registry with the referrers API before it."""

    def __init__(self, kit: Any, behind: str) -> None:
        self.kit, self.behind = kit, f"http://{behind}"
        self.named: dict[str, list[dict[str, Any]]] = {}
        self.says_subject = True
        self.page = 100

    def __call__(self, seen: Any) -> Any:
        if "/referrers/" in seen.path:
            return self.listed(seen.path)
        kept = ("content-type", "accept", "content-range")
        headers = {name: seen.headers[name] for name in kept if name in seen.headers}
        got = httpx.request(
            seen.method, self.behind + seen.path, headers=headers, content=seen.body
        )
        told = {
            name: got.headers[name]
            for name in ("Content-Type", "Docker-Content-Digest", "Content-Length", "Location")
            if name in got.headers
        }
        if "Location" in told:
            told["Location"] = told["Location"].replace(self.behind, "")
        if seen.method == "PUT" and "/manifests/" in seen.path and got.status_code == 201:
            self.note(seen, told)
        return self.kit.Reply(got.status_code, got.content, told)

    def note(self, seen: Any, told: dict[str, str]) -> None:
        document = json.loads(seen.body)
        if "subject" not in document:
            return
        subject = document["subject"]["digest"]
        if self.says_subject:
            told["OCI-Subject"] = subject
        entry = {
            "mediaType": MANIFEST,
            "digest": told["Docker-Content-Digest"],
            "size": len(seen.body),
            "artifactType": document["artifactType"],
        }
        self.named.setdefault(subject, []).append(entry)

    def listed(self, path: str) -> Any:
        digest, _, query = path.rpartition("/")[2].partition("?")
        start = int(query.partition("=")[2] or 0)
        found = self.named.get(digest, [])
        headers = {"Content-Type": INDEX}
        if start + self.page < len(found):
            headers["Link"] = f'</v2/a/b/referrers/{digest}?from={start + self.page}>; rel="next"'
        document = {
            "schemaVersion": 2,
            "mediaType": INDEX,
            "manifests": found[start : start + self.page],
        }
        return self.kit.Reply(200, json.dumps(document).encode(), headers)


@pytest.fixture
def with_api(
    kit: Any, registry: str, serve: Callable[[Callable[[Any], Any]], Any]
) -> tuple[WithApi, str]:
    front = WithApi(kit, registry)
    return front, serve(front).host


def prepared(store: Store, client: Any, subject: Descriptor, text: str, kind: str) -> Attachable:
    """An artifact whose blobs are in the repository."""
    made = artifact(
        store,
        subject=subject,
        artifact_type=kind,
        data=text.encode(),
        media_type=kind,
        name="a",
        annotations={"said": text},
    )
    session = Push(client, "a/b")
    document = json.loads(store.read(made.digest))
    for part in (document["config"], *document["layers"]):
        session.blob(store, Descriptor.from_json(part))
    return Attachable(made, store.read(made.digest))


def pushed(kit: Any, store: Store, client: Any) -> Descriptor:
    image = kit.image(store, os.urandom(100))
    push(client, store, image, "a/b", ["x"])
    return image


@pytest.mark.real
def test_the_tag_stands_in_for_the_api(kit: Any, registry: str, store: Store) -> None:
    with kit.client(registry) as client:
        image = pushed(kit, store, client)
        assert referrers(client, "a/b", image.digest) == []
        assert referrers(client, "a/none", image.digest) == []
        one = prepared(store, client, image, "one", SBOM)
        two = prepared(store, client, image, "two", NOTES)
        attach(client, "a/b", image.digest, [one, two])
        attach(client, "a/b", image.digest, [one])
        found = listing(client, "a/b", image.digest)
        assert [f.descriptor.digest for f in found] == [one.manifest.digest, two.manifest.digest]
        assert [f.artifact_type for f in found] == [SBOM, NOTES]
        assert found[0].descriptor.annotations == {"said": "one"}
        (notes,) = referrers(client, "a/b", image.digest, NOTES)
        assert notes.digest == two.manifest.digest
        assert client.tags("a/b") == [fallback_tag(image.digest), "x"]
        digest = client.exists("a/b", "x")
    assert digest is not None
    assert digest.digest == image.digest


@pytest.mark.real
def test_what_others_listed_stays(kit: Any, registry: str, store: Store) -> None:
    with kit.client(registry) as client:
        image = pushed(kit, store, client)
        theirs = prepared(store, client, image, "theirs", NOTES)
        ours = prepared(store, client, image, "ours", SBOM)
        attach(client, "a/b", image.digest, [theirs])
        tag = fallback_tag(image.digest)
        index = json.loads(client.manifest("a/b", tag)[1])
        index["annotations"] = {"whose": "theirs"}
        index["manifests"][0]["data"] = "aGVsbG8="
        client.put_manifest("a/b", tag, json.dumps(index).encode(), INDEX)
        attach(client, "a/b", image.digest, [ours])
        after = json.loads(client.manifest("a/b", tag)[1])
    assert after["annotations"] == {"whose": "theirs"}
    assert after["manifests"][0] == index["manifests"][0]
    assert after["manifests"][1]["digest"] == ours.manifest.digest


@pytest.mark.real
def test_what_was_deleted_is_listed_no_more(kit: Any, registry: str, store: Store) -> None:
    with kit.client(registry) as client:
        image = pushed(kit, store, client)
        gone = prepared(store, client, image, "gone", NOTES)
        ours = prepared(store, client, image, "ours", SBOM)
        attach(client, "a/b", image.digest, [gone])
        address = f"http://{registry}/v2/a/b/manifests/{gone.manifest.digest}"
        httpx.delete(address).raise_for_status()
        attach(client, "a/b", image.digest, [ours])
        found = referrers(client, "a/b", image.digest)
    assert [d.digest for d in found] == [ours.manifest.digest]


@pytest.mark.real
def test_who_is_overwritten_writes_again(
    kit: Any, registry: str, serve: Callable[[Callable[[Any], Any]], Any], store: Store
) -> None:
    front = WithApi(kit, registry)
    with kit.client(registry) as client:
        image = pushed(kit, store, client)
        theirs = prepared(store, client, image, "theirs", NOTES)
        attach(client, "a/b", image.digest, [theirs])
        tag = fallback_tag(image.digest)
        alone = client.manifest("a/b", tag)[1]
    writes = []

    def overwritten_twice(seen: Any) -> Any:
        if "/referrers/" in seen.path:
            return kit.Reply(404)
        reply = front(seen)
        if seen.method == "PUT" and seen.path.endswith(tag):
            writes.append(seen)
            if len(writes) <= 2:
                address = f"http://{registry}{seen.path}"
                httpx.put(address, content=alone, headers={"Content-Type": INDEX})
        return reply

    with kit.client(serve(overwritten_twice).host) as client:
        ours = prepared(store, client, image, "ours", SBOM)
        front.says_subject = False
        attach(client, "a/b", image.digest, [ours])
        found = referrers(client, "a/b", image.digest)
    assert len(writes) == 3
    assert [d.digest for d in found] == [theirs.manifest.digest, ours.manifest.digest]


@pytest.mark.real
def test_what_many_attach_at_once_is_whole_after_the_next_push(
    kit: Any, registry: str, store: Store
) -> None:
    with kit.client(registry) as client:
        image = pushed(kit, store, client)
        all_of_them = [prepared(store, client, image, str(n), NOTES) for n in range(8)]

    def one(attachable: Attachable) -> None:
        with kit.client(registry) as own:
            attach(own, "a/b", image.digest, [attachable])

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(one, all_of_them))
    with kit.client(registry) as client:
        # Registries write without conditions, so one in hundreds can still be lost here.
        attach(client, "a/b", image.digest, all_of_them)
        found = [d.digest for d in referrers(client, "a/b", image.digest)]
    assert sorted(found) == sorted(a.manifest.digest for a in all_of_them)


@pytest.mark.real
@pytest.mark.parametrize("says_subject", [True, False])
def test_with_the_api_there_is_no_tag(
    kit: Any, with_api: tuple[WithApi, str], store: Store, says_subject: bool
) -> None:
    front, host = with_api
    front.says_subject = says_subject
    with kit.client(host) as client:
        image = pushed(kit, store, client)
        one = prepared(store, client, image, "one", SBOM)
        attach(client, "a/b", image.digest, [one])
        assert [d.digest for d in referrers(client, "a/b", image.digest)] == [one.manifest.digest]
        assert referrers(client, "a/b", image.digest, NOTES) == []
        assert client.tags("a/b") == ["x"]


@pytest.mark.real
def test_all_pages_are_read(kit: Any, with_api: tuple[WithApi, str], store: Store) -> None:
    front, host = with_api
    front.page = 2
    with kit.client(host) as client:
        image = pushed(kit, store, client)
        made = [prepared(store, client, image, str(n), SBOM) for n in range(5)]
        attach(client, "a/b", image.digest, made)
        found = referrers(client, "a/b", image.digest)
    assert [d.digest for d in found] == [a.manifest.digest for a in made]


@pytest.mark.real
def test_a_tag_that_is_no_index(kit: Any, registry: str, store: Store) -> None:
    with kit.client(registry) as client:
        image = pushed(kit, store, client)
        push(client, store, image, "a/b", [fallback_tag(image.digest)])
        with pytest.raises(OutsideError, match="answered with no index of referrers"):
            referrers(client, "a/b", image.digest)


def test_a_registry_that_takes_no_artifacts(
    kit: Any, serve: Callable[[Callable[[Any], Any]], Any], store: Store
) -> None:
    refusal = b'{"errors":[{"code":"MANIFEST_INVALID","message":"unknown config type"}]}'
    server = serve(lambda seen: kit.Reply(400 if seen.method == "PUT" else 200, refusal))
    image = kit.image(store, b"layer")
    made = artifact(
        store, subject=image, artifact_type=SBOM, data=b"{}", media_type=SBOM, name="sbom"
    )
    with kit.client(server.host) as client, pytest.raises(OutsideError) as caught:
        attach(client, "a/b", image.digest, [Attachable(made, store.read(made.digest))])
    told = str(caught.value)
    assert f"attaching {server.host}/a/b@{made.digest}" in told
    assert "MANIFEST_INVALID: unknown config type" in told
    assert "it seems to take no artifacts" in told
    assert "hint: use a registry that knows OCI 1.1" in told
    # Nothing that the image is found by was written.
    assert [seen.path for seen in server.asked("PUT")] == [f"/v2/a/b/manifests/{made.digest}"]


@pytest.mark.parametrize("entry", [{}, {"mediaType": MANIFEST, "digest": "sha256:x", "size": 1}])
def test_a_listing_that_is_nonsense(
    kit: Any, serve: Callable[[Callable[[Any], Any]], Any], store: Store, entry: dict[str, Any]
) -> None:
    body = json.dumps({"schemaVersion": 2, "manifests": [entry]}).encode()
    server = serve(lambda _: kit.Reply(200, body, {"Content-Type": INDEX}))
    digest = kit.image(store, b"layer").digest
    with kit.client(server.host) as client, pytest.raises(OutsideError, match="answered with"):
        referrers(client, "a/b", digest)


def test_an_artifact_is_always_the_same(kit: Any, store: Store) -> None:
    image = kit.image(store, b"layer")
    made = artifact(
        store, subject=image, artifact_type=SBOM, data=b"{}", media_type=SBOM, name="sbom.json"
    )
    assert made.digest == "sha256:fc45535b19a98be464a3db7e991c1afba88aeecfe14289dca6b1e90159dccc2e"
    document = json.loads(store.read(made.digest))
    assert document["subject"] == {
        "mediaType": image.media_type,
        "digest": image.digest,
        "size": image.size,
    }
    assert document["config"]["mediaType"] == "application/vnd.oci.empty.v1+json"
