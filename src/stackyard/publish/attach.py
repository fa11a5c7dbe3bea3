"""Attaching documents to an image in a registry: each one once."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from stackyard.oci.artifact import artifact
from stackyard.oci.descriptor import NO_ANNOTATIONS, Descriptor
from stackyard.oci.registry.client import Registry
from stackyard.oci.registry.document import read_document
from stackyard.oci.registry.parallel import each
from stackyard.oci.registry.push import Push
from stackyard.oci.registry.referrers import Attachable, Referrer, attach, listing
from stackyard.oci.store import Store


@dataclass(frozen=True)
class Document:
    """Something to say about an image.

    Attributes:
        name: its file name, for tools that fetch it.
        media_type: of its content.
        data: its content.
        annotations: what registries show when they list it.
        first_only: it tells how the image came about, so an image that has one of the
            same type and annotations gets no other.
    """

    name: str
    media_type: str
    data: bytes
    annotations: Mapping[str, str] = field(default_factory=lambda: NO_ANNOTATIONS)
    first_only: bool = False


def attach_all(
    client: Registry,
    repository: str,
    store: Store,
    manifest: Descriptor,
    documents: Sequence[Document],
) -> list[Descriptor]:
    """Attach documents to an image that the registry has, or will have before its tags move.

    No tag of the image is touched. What is attached already is not sent again: then
    this is one request, or two where the registry has no referrers API.

    Args:
        client: the registry.
        repository: where the image is.
        store: where the documents are kept.
        manifest: the image, or an index.
        documents: what to attach.

    Returns:
        The manifest of each document, in their order; of a `Document.first_only` the one
        that is there.

    Raises:
        OutsideError: the registry or the disk failed, or the registry takes no artifacts.
    """
    if not documents:
        return []
    there = listing(client, repository, manifest.digest)
    found: list[Descriptor] = []
    missing: list[Descriptor] = []
    for document in documents:
        made = _made(store, manifest, document)
        if known := _known(there, made, document):
            found.append(known)
        else:
            found.append(made)
            missing.append(made)
    if missing:
        _send(client, repository, store, missing)
        ready = [Attachable(m, store.read(m.digest)) for m in missing]
        attach(client, repository, manifest.digest, ready)
    return found


def _made(store: Store, manifest: Descriptor, document: Document) -> Descriptor:
    return artifact(
        store,
        subject=manifest,
        artifact_type=document.media_type,
        data=document.data,
        media_type=document.media_type,
        name=document.name,
        annotations=document.annotations,
    )


def _known(there: Sequence[Referrer], made: Descriptor, document: Document) -> Descriptor | None:
    for referrer in there:
        if referrer.descriptor.digest == made.digest:
            return made
    if document.first_only:
        for referrer in there:
            said = referrer.descriptor.annotations
            same = all(said.get(key) == text for key, text in document.annotations.items())
            if same and referrer.artifact_type == document.media_type:
                return referrer.descriptor
    return None


def _send(client: Registry, repository: str, store: Store, manifests: Sequence[Descriptor]) -> None:
    session = Push(client, repository)
    blobs = {
        blob.digest: blob
        for manifest in manifests
        for blob in read_document(
            store.read(manifest.digest), manifest.media_type, f"attaching {manifest.digest}"
        ).blobs
    }
    each(lambda b: session.blob(store, b), blobs.values(), client.parallel, threading.Event())
