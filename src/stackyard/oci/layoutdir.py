"""Writing images to an OCI image layout directory."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from stackyard.errors import InputError
from stackyard.oci.blob import is_whole
from stackyard.oci.descriptor import Descriptor
from stackyard.oci.disk import disk
from stackyard.oci.documents import LAYOUT, index_of, tags_of
from stackyard.oci.store import Store
from stackyard.oci.walk import blobs


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
    with disk(f"writing the image layout {directory}"):
        _prepare(directory)
        target = directory / "blobs" / "sha256"
        target.mkdir(parents=True, exist_ok=True)
        for root in images.values():
            for blob in blobs(store, root):
                _place(store, blob, target)
        index = directory / "index.json"
        tags = tags_of(index.read_bytes(), index) if index.exists() else {}
        _write(index, index_of({**tags, **images}))


def _prepare(directory: Path) -> None:
    directory.mkdir(parents=True, exist_ok=True)
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
    beside = directory.parent.parent / f".{secrets.token_hex(8)}"
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
    beside = path.with_name(f".{secrets.token_hex(8)}")
    try:
        beside.write_bytes(data)
        beside.replace(path)
    finally:
        with suppress(OSError):
            beside.unlink(missing_ok=True)
