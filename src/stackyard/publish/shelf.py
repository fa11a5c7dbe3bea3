"""What is in a repository of a registry: its tags, and the images that they name."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from stackyard.build.assembly import KEY_LABEL, STEP_ANNOTATION
from stackyard.oci.digest import sha256
from stackyard.oci.documents import parse
from stackyard.oci.registry.client import Registry
from stackyard.oci.registry.document import INDEX_TYPES, media_type_of, read_document
from stackyard.oci.registry.rewrite import read_tag

ATTACHED = re.compile(r"sha256-([0-9a-f]{64})(?:\.[a-z0-9]+)?")
"""Tags of what is attached to an image: of the referrers, and cosign's."""
_AT_ONCE = 8


@dataclass(frozen=True)
class Version:
    """A manifest or an index.

    Attributes:
        size: bytes of the document itself.
        key: of an image of ours, its step's; else empty.
        base: of an image of ours, the key of the step that made its bottom; else empty.
        children: of an index, the digests that it lists.
        blobs: of a manifest, what it is made of, with sizes in bytes.
    """

    digest: str
    size: int
    key: str
    base: str
    children: tuple[str, ...]
    blobs: Mapping[str, int]


@dataclass(frozen=True)
class Shelf:
    """A repository as it was read.

    Attributes:
        tags: each with the digest that it names.
        versions: by digest, of all tags but those of attached documents, and of what
            indexes list. What is no image of today is not among them.
    """

    client: Registry
    repository: str
    tags: Mapping[str, str]
    versions: Mapping[str, Version]

    def keys_below(self, version: Version) -> list[str]:
        """The keys of the images that an index lists; empty when not all are ours."""
        keys = [self.versions[c].key for c in version.children if c in self.versions]
        return keys if len(keys) == len(version.children) and all(keys) else []


def read_shelf(
    client: Registry, repository: str, wanted_tag: Callable[[str], object] = bool
) -> Shelf:
    """Read a repository's tags and documents; no layer is fetched.

    Args:
        client: of the registry.
        repository: which.
        wanted_tag: says of a tag whether to read what it names; all unless given.

    Raises:
        OutsideError: the registry cannot be asked, or answers nonsense.
    """
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        names = list(filter(wanted_tag, client.tags(repository)))
        found = pool.map(lambda tag: client.exists(repository, tag), names)
        tags = {tag: there.digest for tag, there in zip(names, found, strict=True) if there}
        wanted = {digest for tag, digest in tags.items() if not ATTACHED.fullmatch(tag)}
        versions: dict[str, Version] = {}
        while wanted:
            read = pool.map(lambda digest: read_version(client, repository, digest), wanted)
            new = {version.digest: version for version in read if version}
            versions |= new
            wanted = {c for v in new.values() for c in v.children} - versions.keys() - wanted
    return Shelf(client, repository, tags, versions)


def read_version(client: Registry, repository: str, reference: str) -> Version | None:
    """One manifest or index; None when it is not there, or is none of today's.

    Raises:
        OutsideError: the registry cannot be asked, or answers nonsense.
    """
    data = read_tag(client, repository, reference)
    if data is None:
        return None
    try:
        kind = media_type_of(data, "")
        value = parse(data)
        if kind not in INDEX_TYPES and "layers" not in value:
            return None
        document = read_document(data, kind, f"reading {client.registry}/{repository}:{reference}")
        children = tuple(m.digest for m in document.manifests)
        layers = document.blobs[1:]
        return Version(
            digest=sha256(data),
            size=len(data),
            key=_annotation(value, KEY_LABEL),
            base=layers[0].annotations.get(STEP_ANNOTATION, "") if layers else "",
            children=children,
            blobs={blob.digest: blob.size for blob in document.blobs},
        )
    except (ValueError, TypeError, AttributeError):
        return None


def freed(leaving: Iterable[Version], staying: Iterable[Version]) -> dict[str, int]:
    """Bytes that go with each version, by digest: what others have too counts once, or not.

    A registry gives them back when it collects what nothing names.
    """
    seen = {digest for version in staying for digest in version.blobs}
    found: dict[str, int] = {}
    for version in leaving:
        own = {digest: size for digest, size in version.blobs.items() if digest not in seen}
        seen |= own.keys()
        found[version.digest] = version.size + sum(own.values())
    return found


def _annotation(value: Mapping[str, Any], name: str) -> str:
    return str((value.get("annotations") or {}).get(name, ""))
