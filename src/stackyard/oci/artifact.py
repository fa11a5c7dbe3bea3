"""Documents about an image, as OCI artifacts that name it as their subject.

https://github.com/opencontainers/image-spec/blob/main/manifest.md#guidelines-for-artifact-usage
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from stackyard.oci.descriptor import MANIFEST, NO_ANNOTATIONS, Descriptor
from stackyard.oci.documents import canonical
from stackyard.oci.store import Store

EMPTY = "application/vnd.oci.empty.v1+json"
TITLE = "org.opencontainers.image.title"
"""Of a layer: the file name under which tools that fetch it write it."""


def artifact(
    store: Store,
    *,
    subject: Descriptor,
    artifact_type: str,
    data: bytes,
    media_type: str,
    name: str,
    annotations: Mapping[str, str] = NO_ANNOTATIONS,
) -> Descriptor:
    """Write the manifest of one document about an image; it has no date, so is always the same.

    Args:
        store: where the document and its manifest go.
        subject: the manifest or the index that the document is about.
        artifact_type: by which registries sort what is about an image.
        data: the document.
        media_type: what the document is.
        name: the document's file name.
        annotations: of the manifest; registries show them when they list it.

    Raises:
        OutsideError: the disk is full or broken.
    """
    config = store.put(b"{}", EMPTY)
    layer = store.put(data, media_type, {TITLE: name})
    manifest: dict[str, Any] = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "artifactType": artifact_type,
        "config": config.to_json() | {"data": "e30="},
        "layers": [layer.to_json()],
        "subject": Descriptor(subject.media_type, subject.digest, subject.size).to_json(),
    }
    if annotations:
        manifest["annotations"] = dict(annotations)
    return store.put(canonical(manifest), MANIFEST)
