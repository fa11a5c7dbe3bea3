"""Images as they are in a registry: read from their documents, no layer is fetched."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from stackyard.build.assembly import (
    KEY_LABEL,
    SIZE_ANNOTATION,
    STEP_ANNOTATION,
    STEPS_ANNOTATION,
)
from stackyard.build.results import Made
from stackyard.oci.descriptor import Descriptor, Platform
from stackyard.oci.digest import is_digest
from stackyard.oci.documents import parse
from stackyard.oci.layer import Layer
from stackyard.oci.registry.client import Registry
from stackyard.oci.registry.document import CONFIG_LIMIT, INDEX_TYPES, read_document
from stackyard.oci.registry.download import small
from stackyard.oci.registry.pull import fits
from stackyard.oci.store import Store


@dataclass(frozen=True)
class Place:
    """A repository, and the client of its registry."""

    client: Registry
    repository: str


@dataclass(frozen=True)
class PublishedImage:
    """An image of one platform.

    Attributes:
        manifest: with its platform.
        key: the image step's, as the manifest says; empty when it does not.
        layers: from the bottom; empty when the config was not asked for.
        steps: what each of its steps made, by key.
        blobs: digests and sizes of its config and layers.
    """

    manifest: Descriptor
    key: str
    layers: tuple[Layer, ...]
    steps: Mapping[str, Made]
    blobs: Mapping[str, int]


def published_image(
    place: Place, tag: str, platform: Platform, store: Store
) -> PublishedImage | None:
    """What a tag names for a platform; None when there is nothing of ours.

    Its documents go to the store.

    Raises:
        OutsideError: the registry cannot be asked, or answers nonsense.
    """
    client, repository = place.client, place.repository
    there = client.exists(repository, tag)
    if there is None:
        return None
    doing = f"reading {client.registry}/{repository}:{tag}"
    found, data = _document(place, there, store)
    document = read_document(data, found.media_type, doing)
    if found.media_type in INDEX_TYPES:
        fitting = [m for m in document.manifests if m.platform and fits(m.platform, platform)]
        if not fitting:
            return None
        found, data = _document(place, fitting[0], store)
        document = read_document(data, found.media_type, doing)
    if not document.blobs:
        return None
    blob = document.blobs[0]
    if store.has(blob.digest):
        config = store.read(blob.digest)
    else:
        config = small(client, repository, blob, CONFIG_LIMIT)
    try:
        image = _read(replace(found, platform=platform), parse(data), parse(config), document.blobs)
    except (ValueError, KeyError, TypeError, AttributeError):
        return None  # not of ours
    store.put(config, document.blobs[0].media_type)
    store.put(data, found.media_type)
    return image


def _document(place: Place, wanted: Descriptor, store: Store) -> tuple[Descriptor, bytes]:
    """A manifest or an index: from the store, where it is there, checked in both cases."""
    if store.has(wanted.digest):
        return wanted, store.read(wanted.digest)
    return place.client.manifest(place.repository, wanted.digest)


def _read(
    manifest: Descriptor,
    document: Mapping[str, Any],
    config: Mapping[str, Any],
    blobs: tuple[Descriptor, ...],
) -> PublishedImage | None:
    diff_ids = [str(value) for value in config["rootfs"]["diff_ids"]]
    layers: list[Layer] = []
    annotations = document.get("annotations") or {}
    steps = {
        str(key): Made(settings=dict(value["settings"]), debs=dict(value["debs"]))
        for key, value in parse(annotations.get(STEPS_ANNOTATION, "{}").encode()).items()
    }
    for blob, diff_id in zip(blobs[1:], diff_ids, strict=True):
        if not is_digest(diff_id):
            return None
        key = blob.annotations.get(STEP_ANNOTATION, "")
        plain = replace(blob, annotations={})
        layer = Layer(plain, diff_id, int(blob.annotations.get(SIZE_ANNOTATION, "0")))
        layers.append(layer)
        if key and SIZE_ANNOTATION in blob.annotations:
            made = steps.get(key, Made())
            steps[key] = replace(made, layers=(*made.layers, layer))
    return PublishedImage(
        manifest=manifest,
        key=str(annotations.get(KEY_LABEL, "")),
        layers=tuple(layers),
        steps=steps,
        blobs={blob.digest: blob.size for blob in blobs},
    )
