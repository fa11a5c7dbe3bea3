"""docker's archives of one image: giving it a parent, and taking what was built.

https://github.com/moby/docker-image-spec/blob/main/v1.2.md
"""

from __future__ import annotations

import hashlib
import io
import os
import select
import time
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import BinaryIO, cast

from stackyard.errors import InputError, OutsideError
from stackyard.inventory.tarstream import Readable, TarError, TarReader
from stackyard.oci.decompress import decompress
from stackyard.oci.digest import hex_of, sha256
from stackyard.oci.disk import disk
from stackyard.oci.documents import canonical
from stackyard.oci.layer import Layer
from stackyard.oci.store import Store
from stackyard.oci.tar import END, Kind, TarEntry, header, padding


def parent_archive(
    store: Store, name: str, config: bytes, layers: tuple[Layer, ...], first: int
) -> Iterator[bytes]:
    """An image for ``docker load``; layers that the daemon has need no files.

    Args:
        store: has the layers' blobs.
        name: of the image, with its tag.
        config: its document, in docker's form.
        layers: all of its layers, from the bottom.
        first: the number of the lowest one whose file goes in.

    Raises:
        OutsideError: a blob is missing or damaged.
    """
    document = f"{hex_of(sha256(config))}.json"
    entry = {"Config": document, "RepoTags": [name], "Layers": [layer_file(x) for x in layers]}
    # First, because readers look it up before anything else.
    yield from _file("manifest.json", canonical([entry]))
    yield from _file(document, config)
    for layer in {layer.diff_id: layer for layer in layers[first:]}.values():
        yield header(TarEntry(layer_file(layer), size=layer.size))
        with store.open_blob(layer.descriptor.digest) as blob:
            yield from decompress(blob)
        yield padding(layer.size)
    yield END


def layer_file(layer: Layer) -> str:
    """What the layer's file is called in the archive."""
    return f"{hex_of(layer.diff_id)}.tar"


def _file(name: str, data: bytes) -> Iterator[bytes]:
    yield header(TarEntry(name, size=len(data)))
    yield data
    yield padding(len(data))


def take_layers(
    saved: Readable, wanted: Collection[str], known: Collection[str], folder: Path
) -> Mapping[str, Path]:
    """Write some layers of what ``docker save`` prints to files, not compressed.

    They are found by their content, because each version of docker names and
    compresses them in its own way.

    Args:
        saved: the archive.
        wanted: digests of the layers, not compressed.
        known: digests of others, which may be in it as well.
        folder: where the files go.

    Returns:
        The files by digest.

    Raises:
        InputError: the archive is broken, or a layer is not in it.
        OutsideError: the disk is full or broken.
    """
    passed_over = {hex_of(digest) for digest in known if digest not in wanted}
    reader = TarReader(saved)
    found: dict[str, Path] = {}
    beside = folder / "layer"
    with disk(f"writing to {folder}"):
        try:
            for entry in reader:
                if entry.kind is not Kind.FILE or Path(entry.name).name in passed_over:
                    continue
                digest = _unpack(reader, beside)
                if digest in wanted:
                    found[digest] = beside.rename(folder / f"{hex_of(digest)}.tar")
        except TarError as error:
            raise InputError(f"reading what docker saved: {error}") from error
        finally:
            beside.unlink(missing_ok=True)
    if missing := set(wanted) - found.keys():
        raise InputError(f"reading what docker saved: it lacks the layer {min(missing)}")
    return found


def _unpack(reader: TarReader, path: Path) -> str:
    """Write the present member, decompressed, and tell its digest; empty when it cannot be."""
    digest = hashlib.sha256()
    with path.open("wb") as out:
        try:
            for piece in decompress(cast("BinaryIO", io.BufferedReader(_Pieces(reader.chunks())))):
                digest.update(piece)
                out.write(piece)
        except OutsideError:
            return ""  # no layer, or the parent's in a form that is not read
    return f"sha256:{digest.hexdigest()}"


class _Pieces(io.RawIOBase):
    """Reads from pieces of bytes."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._piece = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        if not self._piece:
            self._piece = memoryview(next(self._pieces, b""))
        count = min(len(buffer), len(self._piece))
        buffer[:count] = self._piece[:count]
        self._piece = self._piece[count:]
        return count


class Patient:
    """Reads a pipe, but not for ever.

    Args:
        stream: the pipe; nothing may have been read from it.
        timeout: seconds from now after which it is given up.
    """

    def __init__(self, stream: BinaryIO, timeout: float) -> None:
        self._descriptor = stream.fileno()
        self._until = time.monotonic() + timeout

    def read(self, size: int, /) -> bytes:
        """Between one and *size* bytes; none at the end.

        Raises:
            OutsideError: the time is over.
        """
        left = max(0.0, self._until - time.monotonic())
        if not select.select([self._descriptor], [], [], left)[0]:
            raise OutsideError(
                "docker save: no end of it", hint="give it more time with --step-timeout"
            )
        return os.read(self._descriptor, size)
