"""Writing images as docker's archive, which ``docker load`` and ``podman load`` read.

https://github.com/moby/docker-image-spec/blob/main/v1.2.md#combined-image-json--filesystem-changeset-format
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, BinaryIO

from stackyard.oci.decompress import decompress
from stackyard.oci.descriptor import Descriptor
from stackyard.oci.digest import hex_of
from stackyard.oci.disk import disk
from stackyard.oci.documents import canonical, parse
from stackyard.oci.image import StoredImage, read_image
from stackyard.oci.layer import Layer
from stackyard.oci.store import Store
from stackyard.oci.tar import END, TarEntry, header, padding


def write_docker_archive(store: Store, images: Mapping[str, Descriptor], out: BinaryIO) -> None:
    """Write images of one platform each as one archive, with shared layers once.

    Args:
        store: has the images.
        images: full name with tag (``ghcr.io/acme/hub/geo:py311``) to manifest.
        out: where the archive goes; need not be seekable.

    Raises:
        InputError: an image is broken.
        OutsideError: a blob is missing or damaged, or *out* fails.
    """
    found = {name: read_image(store, manifest) for name, manifest in images.items()}
    with disk("writing a docker archive"):
        for piece in _archive(store, found):
            out.write(piece)


def _archive(store: Store, images: Mapping[str, StoredImage]) -> Iterator[bytes]:
    configs: dict[str, bytes] = {}
    layers: dict[str, Layer] = {}
    entries: dict[str, dict[str, Any]] = {}
    for name, image in images.items():
        digest = Descriptor.from_json(parse(store.read(image.manifest.digest))["config"]).digest
        configs[digest] = store.read(digest)
        layers.update((layer.diff_id, layer) for layer in image.layers)
        entry = entries.setdefault(
            image.manifest.digest,
            {
                "Config": f"{hex_of(digest)}.json",
                "RepoTags": [],
                "Layers": [f"{hex_of(layer.diff_id)}.tar" for layer in image.layers],
            },
        )
        entry["RepoTags"].append(name)
    # First, because readers look it up before anything else.
    yield from _file("manifest.json", canonical(list(entries.values())))
    for digest, config in configs.items():
        yield from _file(f"{hex_of(digest)}.json", config)
    for layer in layers.values():
        yield header(TarEntry(f"{hex_of(layer.diff_id)}.tar", size=layer.size))
        with store.open_blob(layer.descriptor.digest) as blob:
            yield from decompress(blob)
        yield padding(layer.size)
    yield END


def _file(name: str, data: bytes) -> Iterator[bytes]:
    yield header(TarEntry(name, size=len(data)))
    yield data
    yield padding(len(data))
