"""Which blobs a tagged image or index is made of."""

from __future__ import annotations

from collections.abc import Iterator

from stackyard.errors import InputError
from stackyard.oci.descriptor import DOCKER_INDEX, DOCKER_MANIFEST, INDEX, MANIFEST, Descriptor
from stackyard.oci.documents import parse
from stackyard.oci.store import Store

INDEXES = (INDEX, DOCKER_INDEX)
MANIFESTS = (MANIFEST, DOCKER_MANIFEST)
MAX_DEPTH = 8
"""Indexes in indexes beyond this are an attack."""


def blobs(store: Store, root: Descriptor, depth: int = 0) -> Iterator[Descriptor]:
    """*root* and everything below it, each after what it points at.

    So that whoever copies in this order never has a document without its parts.

    Raises:
        InputError: a document is broken.
        OutsideError: a document is missing or damaged.
    """
    for child in children(store.read(root.digest), root, depth):
        if child.media_type in INDEXES + MANIFESTS:
            yield from blobs(store, child, depth + 1)
        else:
            yield child
    yield root


def children(document: bytes, descriptor: Descriptor, depth: int = 0) -> list[Descriptor]:
    """What an index or a manifest points at.

    Raises:
        InputError: the document is broken, or *depth* is over `MAX_DEPTH`.
    """
    try:
        if depth > MAX_DEPTH:
            raise ValueError("indexes are nested too deep")
        value = parse(document)
        if descriptor.media_type in INDEXES:
            return [Descriptor.from_json(item) for item in value["manifests"]]
        if descriptor.media_type in MANIFESTS:
            return [Descriptor.from_json(item) for item in (*value["layers"], value["config"])]
        raise ValueError(f"{descriptor.media_type} is neither an index nor a manifest")
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(
            f"reading {descriptor.digest}: the document is broken ({error!r})",
            hint="make or fetch the image again",
        ) from error
