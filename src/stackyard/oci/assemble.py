"""Putting images together from layers that are in the store.

https://github.com/opencontainers/image-spec/blob/main/manifest.md
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from stackyard.errors import InputError
from stackyard.oci.descriptor import (
    CONFIG,
    DOCKER_LAYER_GZIP,
    INDEX,
    LAYER_GZIP,
    LAYER_TAR,
    LAYER_ZSTD,
    MANIFEST,
    Descriptor,
    Platform,
)
from stackyard.oci.documents import canonical
from stackyard.oci.image import History, RuntimeConfig
from stackyard.oci.layer import Layer
from stackyard.oci.store import Store

# An OCI manifest has OCI's names for its layers, also where docker's came in.
_LAYER_TYPES = {
    LAYER_TAR: LAYER_TAR,
    LAYER_GZIP: LAYER_GZIP,
    LAYER_ZSTD: LAYER_ZSTD,
    DOCKER_LAYER_GZIP: LAYER_GZIP,
    "application/vnd.docker.image.rootfs.diff.tar": LAYER_TAR,
}


def assemble(
    store: Store,
    *,
    platform: Platform,
    layers: Sequence[tuple[Layer | None, History]],
    config: RuntimeConfig,
    annotations: Mapping[str, str],
    created: datetime,
) -> Descriptor:
    """Write an image's config and manifest.

    Args:
        store: has the layers' blobs.
        platform: what the image runs on.
        layers: from the bottom; None with a history entry that is an `empty_layer`.
        config: how it is run.
        annotations: of the manifest.
        created: with a time zone; also of each history entry.

    Returns:
        The manifest's descriptor, with its platform.

    Raises:
        InputError: a layer cannot stand in an OCI image.
        OutsideError: the disk is full or broken.
    """
    moment = created.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    present = [layer for layer, _ in layers if layer is not None]
    document = {
        "architecture": platform.architecture,
        "os": platform.os,
        "created": moment,
        "config": config.to_json(),
        "rootfs": {"type": "layers", "diff_ids": [layer.diff_id for layer in present]},
        "history": [_history(layer, history, moment) for layer, history in layers],
    }
    if platform.variant:
        document["variant"] = platform.variant
    manifest: dict[str, Any] = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": store.put(canonical(document), CONFIG).to_json(),
        "layers": [_descriptor(layer).to_json() for layer in present],
    }
    if annotations:
        manifest["annotations"] = dict(annotations)
    return replace(store.put(canonical(manifest), MANIFEST), platform=platform)


def assemble_index(
    store: Store, manifests: Iterable[Descriptor], annotations: Mapping[str, str] | None = None
) -> Descriptor:
    """Write an index over the manifests of one image's platforms.

    Raises:
        OutsideError: the disk is full or broken.
    """
    document: dict[str, Any] = {
        "schemaVersion": 2,
        "mediaType": INDEX,
        "manifests": [descriptor.to_json() for descriptor in manifests],
    }
    if annotations:
        document["annotations"] = dict(annotations)
    return store.put(canonical(document), INDEX)


def _history(layer: Layer | None, history: History, moment: str) -> dict[str, Any]:
    if history.empty_layer != (layer is None):
        raise ValueError(f"history and layers do not match at {history.created_by!r}")
    out: dict[str, Any] = {"created": moment, "created_by": history.created_by}
    if history.comment:
        out["comment"] = history.comment
    if history.empty_layer:
        out["empty_layer"] = True
    return out


def _descriptor(layer: Layer) -> Descriptor:
    media_type = _LAYER_TYPES.get(layer.descriptor.media_type)
    if media_type is None:
        raise InputError(
            f"layer {layer.descriptor.digest} is of type {layer.descriptor.media_type},"
            " which an OCI image cannot hold",
            hint="use a base image with ordinary Linux layers",
        )
    return replace(layer.descriptor, media_type=media_type)
