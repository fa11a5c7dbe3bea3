"""Images as folders in the form that buildah and skopeo call ``dir:``.

The one form that takes docker's config (with SHELL and ONBUILD, which OCI's lacks)
and needs no names: https://github.com/containers/image/blob/main/docs/containers-transports.5.md
"""

from __future__ import annotations

from pathlib import Path

from stackyard.oci.descriptor import DOCKER_CONFIG, DOCKER_LAYER_GZIP, DOCKER_MANIFEST
from stackyard.oci.digest import hex_of, sha256
from stackyard.oci.documents import canonical
from stackyard.oci.store import Store
from stackyard.system.engine import Parent

_CREATED = "1980-01-01T00:00:00Z"


def config_document(parent: Parent) -> bytes:
    """The parent's config as docker has it; its digest is the image's id in every engine."""
    document = {
        "architecture": parent.platform.architecture,
        "os": parent.platform.os,
        "created": _CREATED,
        "config": parent.config.to_json(),
        "rootfs": {"type": "layers", "diff_ids": [layer.diff_id for layer in parent.layers]},
        "history": [{"created": _CREATED} for _ in parent.layers],
    }
    if parent.platform.variant:
        document["variant"] = parent.platform.variant
    return canonical(document)


def write_dir(parent: Parent, store: Store, folder: Path) -> str:
    """Write the parent into an empty folder; its layers are links to the store's blobs.

    Returns:
        The image's id: the config's digest without its prefix.

    Raises:
        OutsideError: a blob is missing.
        OSError: the disk is full or broken.
    """
    config = config_document(parent)
    digest = sha256(config)
    manifest = {
        "schemaVersion": 2,
        "mediaType": DOCKER_MANIFEST,
        "config": {"mediaType": DOCKER_CONFIG, "digest": digest, "size": len(config)},
        "layers": [
            {
                "mediaType": DOCKER_LAYER_GZIP,
                "digest": layer.descriptor.digest,
                "size": layer.descriptor.size,
            }
            for layer in parent.layers
        ],
    }
    (folder / "version").write_text("Directory Transport Version: 1.1\n")
    (folder / hex_of(digest)).write_bytes(config)
    for layer in parent.layers:
        store.open_blob(layer.descriptor.digest).close()  # says what is missing
        link = folder / hex_of(layer.descriptor.digest)
        if not link.is_symlink():
            link.symlink_to(store.blob_path(layer.descriptor.digest))
    (folder / "manifest.json").write_bytes(canonical(manifest))
    return hex_of(digest)
