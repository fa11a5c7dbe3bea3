"""Which images the engine has already, and as they are in the store."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from stackyard.hub.preview.engine import Engine
from stackyard.oci.descriptor import Descriptor
from stackyard.oci.documents import parse
from stackyard.oci.store import Store

_RUNS = ("Env", "Cmd", "Entrypoint", "User", "WorkingDir", "Labels")


def absent(engine: Engine, images: Mapping[str, Descriptor], store: Store) -> dict[str, Descriptor]:
    """Those of the images that the engine lacks, or has by that name as they were before.

    Args:
        engine: docker or podman.
        images: name with tag to manifest.
        store: has the manifests and configs.

    Raises:
        OutsideError: the engine does not answer, or a document is missing.
    """
    return {
        name: manifest
        for name, manifest in images.items()
        if not _is_there(engine.image(name), manifest, store)
    }


def _is_there(found: Mapping[str, Any] | None, manifest: Descriptor, store: Store) -> bool:
    if found is None:
        return False
    digest = Descriptor.from_json(parse(store.read(manifest.digest))["config"]).digest
    identity = str(found.get("Id", "")).removeprefix("sha256:")
    if identity in {digest.removeprefix("sha256:"), manifest.digest.removeprefix("sha256:")}:
        return True
    # Engines with containerd's store name images by manifests that they write themselves.
    wanted = parse(store.read(digest))
    config, asked = found.get("Config") or {}, wanted.get("config", {})
    return found.get("RootFS", {}).get("Layers") == wanted["rootfs"]["diff_ids"] and all(
        (config.get(key) or None) == (asked.get(key) or None) for key in _RUNS
    )
