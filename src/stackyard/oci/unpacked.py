"""Measuring layers that came from elsewhere: how long they are, and whether they are right."""

from __future__ import annotations

import hashlib

from stackyard.errors import InputError
from stackyard.oci.decompress import decompress
from stackyard.oci.descriptor import Descriptor
from stackyard.oci.disk import disk
from stackyard.oci.layer import Layer
from stackyard.oci.store import Store


def measure(store: Store, descriptor: Descriptor, diff_id: str) -> Layer:
    """A stored blob as a layer: decompressed once, then remembered.

    Args:
        store: has the blob.
        descriptor: the blob.
        diff_id: the digest that its archive must have.

    Raises:
        InputError: the archive has another digest.
        OutsideError: the blob is missing or damaged.
    """
    found = _recall(store, descriptor.digest)
    if found is None:
        found = _unpack(store, descriptor)
        store.remember("unpacked", descriptor.digest, {"diff_id": found[0], "size": found[1]})
    if found[0] != diff_id:
        raise InputError(
            f"layer {descriptor.digest}: the image's config says that its archive is"
            f" {diff_id}, but it is {found[0]}",
            hint="the image is damaged; make or fetch it again",
        )
    return Layer(descriptor, diff_id, found[1])


def _recall(store: Store, digest: str) -> tuple[str, int] | None:
    memo = store.recall("unpacked", digest) or {}
    diff_id, size = memo.get("diff_id"), memo.get("size")
    return (diff_id, size) if isinstance(diff_id, str) and isinstance(size, int) else None


def _unpack(store: Store, descriptor: Descriptor) -> tuple[str, int]:
    digest = hashlib.sha256()
    size = 0
    doing = f"reading blob {descriptor.digest}"
    with store.open_blob(descriptor.digest) as file, disk(doing):
        for piece in decompress(file):
            digest.update(piece)
            size += len(piece)
    return f"sha256:{digest.hexdigest()}", size
