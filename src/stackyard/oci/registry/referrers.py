"""What is attached to an image: by the referrers API, or by its tag where there is none.

https://github.com/opencontainers/distribution-spec/blob/main/spec.md#listing-referrers and
#referrers-tag-schema
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from weakref import WeakSet

import httpx

from stackyard.errors import OutsideError
from stackyard.oci.descriptor import INDEX, MANIFEST, Descriptor
from stackyard.oci.digest import hex_of, is_digest
from stackyard.oci.documents import canonical, parse
from stackyard.oci.registry.auth import Access
from stackyard.oci.registry.body import Bytes
from stackyard.oci.registry.client import Registry
from stackyard.oci.registry.document import MANIFEST_LIMIT
from stackyard.oci.registry.faults import from_response, linked, nonsense
from stackyard.oci.registry.request import Request
from stackyard.oci.registry.rewrite import read_tag, rewrite

_PAGES = 100
_REFUSED = frozenset({400, 406, 415, 422})
_NO_API = frozenset({400, 404, 405, 406, 501})
_NEW_INDEX = canonical({"schemaVersion": 2, "mediaType": INDEX, "manifests": []})

_without_api: WeakSet[Registry] = WeakSet()
"""The clients whose registry was found to have no referrers API."""
_guard = threading.Lock()


@dataclass(frozen=True, slots=True)
class Referrer:
    """A manifest that names an image as its subject, with its own type."""

    descriptor: Descriptor
    artifact_type: str


@dataclass(frozen=True)
class Attachable:
    """A manifest with a subject, ready to be put beside it.

    Attributes:
        manifest: its media type, digest and size.
        data: its bytes.
    """

    manifest: Descriptor
    data: bytes
    _parsed: Mapping[str, Any] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_parsed", parse(self.data))

    @property
    def entry(self) -> dict[str, Any]:
        """How an index of referrers lists it."""
        kind = self._parsed.get("artifactType") or self._parsed["config"]["mediaType"]
        entry = Descriptor(self.manifest.media_type, self.manifest.digest, self.manifest.size)
        out = entry.to_json() | {"artifactType": kind}
        if annotations := self._parsed.get("annotations"):
            out["annotations"] = annotations
        return out


def referrers(
    client: Registry, repository: str, digest: str, artifact_type: str | None = None
) -> list[Descriptor]:
    """What is attached to a manifest or an index, in the registry's order.

    Args:
        client: the registry.
        repository: where the image is.
        digest: of the image.
        artifact_type: list only this type.

    Raises:
        OutsideError: the registry cannot be asked, or answers nonsense.
    """
    found = listing(client, repository, digest)
    return [r.descriptor for r in found if artifact_type in (None, r.artifact_type)]


def listing(client: Registry, repository: str, digest: str) -> list[Referrer]:
    """As `referrers`, with the type of each.

    Raises:
        OutsideError: the registry cannot be asked, or answers nonsense.
    """
    doing = f"listing what is attached to {client.registry}/{repository}@{digest}"
    if client not in _without_api:
        found = _by_api(client, repository, digest, doing)
        if found is not None:
            return found
    data = read_tag(client, repository, fallback_tag(digest))
    return [] if data is None else _read(data, doing, client)


def attach(
    client: Registry, repository: str, subject: str, manifests: Sequence[Attachable]
) -> None:
    """Put manifests beside the image that they name; their blobs must be there.

    Raises:
        OutsideError: the registry failed, or takes no artifacts.
    """
    unseen = [m for m in manifests if not _put(client, repository, m)]
    if not unseen:
        return
    doing = f"listing what is attached to {client.registry}/{repository}@{subject}"
    listed = None if client in _without_api else _by_api(client, repository, subject, doing)
    seen = {r.descriptor.digest for r in listed or ()}
    missing = [m for m in unseen if m.manifest.digest not in seen]
    if missing:
        _list_in_tag(client, repository, subject, missing)


def fallback_tag(digest: str) -> str:
    """The tag of the index that stands for the referrers API where there is none."""
    return f"sha256-{hex_of(digest)}"


def _put(client: Registry, repository: str, attachable: Attachable) -> bool:
    """Push one; whether the registry says that it has seen the subject."""
    digest = attachable.manifest.digest
    request = Request(
        f"attaching {client.registry}/{repository}@{digest}",
        "PUT",
        f"{repository}/manifests/{digest}",
        Access(repository, push=True),
        frozenset({200, 201, 202, 204}) | _REFUSED,
        {"Content-Type": MANIFEST},
        Bytes(attachable.data),
    )
    response, data = client.document(request, MANIFEST_LIMIT)
    if response.status_code in _REFUSED:
        told = from_response(response, data, doing=request.doing, credentials="")
        raise OutsideError(
            f"{told.args[0]}: it seems to take no artifacts",
            hint="use a registry that knows OCI 1.1, or push with --no-attest",
        )
    if "text/html" in response.headers.get("content-type", ""):
        raise nonsense(request.doing, client.transport.host, "a web page")
    client.check_digest(response, digest, request.doing)
    return is_digest(response.headers.get("oci-subject", ""))


def _by_api(client: Registry, repository: str, digest: str, doing: str) -> list[Referrer] | None:
    """What the API lists; None, and remembered, where there is no API."""
    found: list[Referrer] = []
    address: str | None = f"{repository}/referrers/{digest}"
    for _ in range(_PAGES):
        if address is None:
            break
        request = Request(doing, "GET", address, Access(repository), _NO_API | {200})
        response, data = client.document(request, MANIFEST_LIMIT)
        if response.status_code != 200 or not _is_index(response):
            # A repository that is not there yet tells nothing about the API.
            if b"NAME_UNKNOWN" not in data:
                with _guard:
                    _without_api.add(client)
            return None
        found += _read(data, doing, client)
        following = response.links.get("next", {}).get("url")
        address = linked(response, following, doing) if following else None
    return found


def _is_index(response: httpx.Response) -> bool:
    return str(response.headers.get("content-type", "")).partition(";")[0].strip() == INDEX


def _read(data: bytes, doing: str, client: Registry) -> list[Referrer]:
    try:
        entries = parse(data)["manifests"]
        found = [
            Referrer(Descriptor.from_json(entry), str(entry.get("artifactType") or ""))
            for entry in entries
        ]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise nonsense(doing, client.transport.host, "no index of referrers") from error
    if not all(is_digest(r.descriptor.digest) for r in found):
        raise nonsense(doing, client.transport.host, "malformed digests")
    return found


def _list_in_tag(
    client: Registry, repository: str, subject: str, missing: Sequence[Attachable]
) -> None:
    tag = fallback_tag(subject)
    doing = f"writing {client.registry}/{repository}:{tag}"

    def change(data: bytes | None) -> bytes | None:
        there = {r.descriptor.digest for r in _read(data or _NEW_INDEX, doing, client)}
        new = [m.entry for m in missing if m.manifest.digest not in there]
        if not new:
            return None
        # What others listed stays as it is, to the last field.
        index = parse(data or _NEW_INDEX)
        kept = [e for e in index["manifests"] if _is_there(client, repository, e["digest"])]
        changed = canonical(index | {"manifests": [*kept, *new]})
        if len(changed) > MANIFEST_LIMIT:
            raise OutsideError(
                f"{doing}: more is attached to this image than an index can list",
                hint=f"delete the tag {tag} from the registry; then push again",
            )
        return changed

    rewrite(client, repository, tag, INDEX, change)


def _is_there(client: Registry, repository: str, digest: str) -> bool:
    """Registries refuse an index that lists what was deleted."""
    return client.exists(repository, digest, push=True) is not None
