"""Signatures that `cosign verify --key` accepts.

https://github.com/sigstore/cosign/blob/main/specs/SIGNATURE_SPEC.md
"""

from __future__ import annotations

import base64
import binascii
import threading
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from stackyard.errors import OutsideError
from stackyard.oci.descriptor import CONFIG, MANIFEST, Descriptor
from stackyard.oci.digest import hex_of, sha256
from stackyard.oci.documents import canonical, parse
from stackyard.oci.registry.client import Registry
from stackyard.oci.registry.parallel import each
from stackyard.oci.registry.push import Push
from stackyard.oci.registry.rewrite import read_tag, rewrite
from stackyard.oci.store import Store
from stackyard.publish.keys import SigningKey

PAYLOAD = "application/vnd.dev.cosign.simplesigning.v1+json"
SIGNATURE = "dev.cosignproject.cosign/signature"
_NO_DATE = "0001-01-01T00:00:00Z"


def signature_tag(digest: str) -> str:
    """Where cosign looks for the signatures of a manifest."""
    return f"sha256-{hex_of(digest)}.sig"


def payload(reference_name: str, digest: str) -> bytes:
    """What is signed: that this name stands for this digest."""
    return canonical(
        {
            "critical": {
                "identity": {"docker-reference": reference_name},
                "image": {"docker-manifest-digest": digest},
                "type": "cosign container image signature",
            },
            "optional": None,
        }
    )


def sign_manifest(
    client: Registry,
    repository: str,
    store: Store,
    reference_name: str,
    manifest_digest: str,
    key: SigningKey,
) -> bool:
    """Sign a manifest or an index; others' signatures of it stay.

    What this key has signed already is left as it is, so signing again is one request.

    Args:
        client: the registry.
        repository: where the manifest is, and the signature goes.
        store: where the signature's blobs go.
        reference_name: with the registry, without tag and digest; a part of what is signed.
        manifest_digest: of what is signed.
        key: signs it.

    Returns:
        Whether there is a new signature.

    Raises:
        OutsideError: the registry or the disk failed, or the registry refuses.
    """
    doing = f"signing {client.registry}/{repository}@{manifest_digest}"
    tag = signature_tag(manifest_digest)
    data = payload(reference_name, manifest_digest)
    entries = _entries(read_tag(client, repository, tag), doing)
    if _has(entries, key, data):
        return False
    blob = store.put(data, PAYLOAD)
    mine = _entry(blob, key, data)
    session = Push(client, repository)
    # Sent ahead, so that little time passes between reading and writing the tag.
    session.blob(store, blob)
    session.blob(store, store.put(_config([*entries, mine]), CONFIG))

    def change(there: bytes | None) -> bytes | None:
        entries = _entries(there, doing)
        if _has(entries, key, data):
            return None
        entries.append(mine)
        config = store.put(_config(entries), CONFIG)
        session.blob(store, config)
        document = {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": config.to_json(),
            "layers": entries,
        }
        return canonical(document)

    return rewrite(client, repository, tag, MANIFEST, change)


def sign_all(
    client: Registry,
    repository: str,
    store: Store,
    reference_name: str,
    digests: Iterable[str],
    key: SigningKey,
) -> None:
    """As `sign_manifest`, several at once.

    Raises:
        OutsideError: the first failure.
    """

    def one(digest: str) -> None:
        sign_manifest(client, repository, store, reference_name, digest, key)

    each(one, digests, client.parallel, threading.Event())


def _entry(blob: Descriptor, key: SigningKey, data: bytes) -> dict[str, Any]:
    made = base64.b64encode(key.sign(data)).decode()
    return blob.to_json() | {"annotations": {SIGNATURE: made}}


def _entries(manifest: bytes | None, doing: str) -> list[dict[str, Any]]:
    """The signatures that are there, as they are."""
    if manifest is None:
        return []
    try:
        entries = parse(manifest)["layers"]
        for entry in entries:
            Descriptor.from_json(entry)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise OutsideError(
            f"{doing}: what the registry has as its signatures is none",
            hint="delete that tag (sha256-....sig) from the registry; then push again",
        ) from error
    return list(entries)


def _has(entries: Iterable[Mapping[str, Any]], key: SigningKey, data: bytes) -> bool:
    return any(_is_by(key, entry, data) for entry in entries)


def _is_by(key: SigningKey, entry: Mapping[str, Any], data: bytes) -> bool:
    """Whether an entry is this key's signature of the very same payload."""
    if entry["digest"] != sha256(data):
        return False
    text = (entry.get("annotations") or {}).get(SIGNATURE, "")
    try:
        return key.signed(data, base64.b64decode(str(text), validate=True))
    except (binascii.Error, ValueError):
        return False


def _config(entries: Sequence[Mapping[str, Any]]) -> bytes:
    """A signature is shaped like an image, with a layer for each; so it has a config."""
    return canonical(
        {
            "architecture": "",
            "os": "",
            "created": _NO_DATE,
            "config": {},
            "history": [{"created": _NO_DATE} for _ in entries],
            "rootfs": {"type": "layers", "diff_ids": [entry["digest"] for entry in entries]},
        }
    )
