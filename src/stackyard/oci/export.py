"""Writing images for others to read: image layouts, and docker's archives.

https://github.com/opencontainers/image-spec/blob/main/image-layout.md
https://github.com/moby/docker-image-spec/blob/main/v1.2.md
"""

from __future__ import annotations

import fcntl
import os
import secrets
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

from stackyard.errors import InputError
from stackyard.oci.blob import is_whole
from stackyard.oci.decompress import decompress
from stackyard.oci.descriptor import Descriptor
from stackyard.oci.digest import hex_of
from stackyard.oci.disk import disk
from stackyard.oci.documents import (
    LAYOUT,
    REF_NAME,
    canonical,
    index_of,
    parse,
    read_index,
    tags_of,
)
from stackyard.oci.image import StoredImage, read_image
from stackyard.oci.layer import Layer
from stackyard.oci.store import Store
from stackyard.oci.tar import END, TarEntry, header, padding
from stackyard.oci.walk import blobs

_UNFINISHED = ".stackyard-"


def write_layout(store: Store, images: Mapping[str, Descriptor], directory: Path) -> None:
    """Write images to an image layout; one that exists is extended.

    Blobs are hard links where the file system allows, and copies elsewhere.
    Each comes whole, documents after what they point at, and names last.

    Args:
        store: has the images.
        images: name (the layout's reference name) to manifest or index.
        directory: the layout; made if needed.

    Raises:
        InputError: *directory* holds something else.
        OutsideError: a blob is missing, or the disk failed.
    """
    with disk(f"writing the image layout {directory}"), _alone_in(directory):
        _prepare(directory)
        target = directory / "blobs" / "sha256"
        target.mkdir(parents=True, exist_ok=True)
        for root in images.values():
            for blob in blobs(store, root):
                _place(store, blob, target)
        index = directory / "index.json"
        entries = read_index(index) if index.exists() else []
        unnamed = [entry for entry in entries if REF_NAME not in entry.annotations]
        _write(index, index_of({**tags_of(entries), **images}, unnamed))


@contextmanager
def _alone_in(directory: Path) -> Iterator[None]:
    """Make a folder, keep other writers out of it, and clear what killed ones left."""
    directory.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        with suppress(OSError):  # some network file systems lock no folders
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        for leftover in directory.glob(f"{_UNFINISHED}*"):
            leftover.unlink(missing_ok=True)
        yield
    finally:
        os.close(descriptor)


def _prepare(directory: Path) -> None:
    if (directory / "oci-layout").is_file():
        return
    if any(directory.iterdir()):
        raise InputError(
            f"writing the image layout {directory}: the folder holds something else",
            hint="name an empty or a new folder, or an existing image layout",
        )
    _write(directory / "oci-layout", LAYOUT)


def _place(store: Store, blob: Descriptor, directory: Path) -> None:
    source = store.blob_path(blob.digest)
    target = directory / source.name
    if is_whole(target, blob.size):
        return
    store.open_blob(blob.digest).close()  # says what is missing
    beside = directory.parent.parent / f"{_UNFINISHED}{secrets.token_hex(8)}"
    try:
        try:
            os.link(source, beside)
        except OSError:  # another file system, or one without links
            shutil.copyfile(source, beside)
        beside.replace(target)
    finally:
        with suppress(OSError):
            beside.unlink(missing_ok=True)


def _write(path: Path, data: bytes) -> None:
    beside = path.with_name(f"{_UNFINISHED}{secrets.token_hex(8)}")
    try:
        beside.write_bytes(data)
        beside.replace(path)
    finally:
        with suppress(OSError):
            beside.unlink(missing_ok=True)


def write_docker_archive(store: Store, images: Mapping[str, Descriptor], out: BinaryIO) -> None:
    """Write images of one platform each as one archive, with shared layers once.

    The layers are not compressed: engines load them in half the time.

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
