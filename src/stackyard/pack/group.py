"""Segments to one layer."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from io import BytesIO

from stackyard.errors import OutsideError
from stackyard.oci.decompress import decompress, reader
from stackyard.oci.descriptor import LAYER_GZIP
from stackyard.oci.disk import disk
from stackyard.oci.gzip import END_OF_ARCHIVE
from stackyard.oci.layer import Layer
from stackyard.oci.retar import entries
from stackyard.oci.store import Store
from stackyard.oci.tar import END
from stackyard.pack.run import Run
from stackyard.pack.segment import Segment, directory_entries, read_index

_PIECE = 1 << 20


@dataclass(frozen=True)
class _Part:
    """A segment, and those of its files that a segment before it has brought already."""

    segment: Segment
    files: Collection[str]
    already: frozenset[str]


def pack_group(store: Store, segments: Sequence[Segment]) -> Layer:
    """Put segments together: directories, then one segment after the other, then the end.

    A file that several segments have is taken from the first: the caller sees to
    it that they agree (`stackyard.pack.clashes`).

    Args:
        store: where the layer goes.
        segments: in the order that they are to have; the caller sorts them.

    Raises:
        OutsideError: a segment was deleted or damaged, or the disk is full.
    """
    parts = _parts(segments)
    directories = directory_entries(path for part in parts for path in part.files)
    with store.writer() as blob:
        head = Run(blob.write)
        head.content(directories)
        head.flush()
        whole = hashlib.sha256(directories)
        size = len(directories)
        alone = len(parts) == 1  # hashed when it was packed; others must be read again
        for part in parts:
            if part.already:
                rest = Run(blob.write)
                for piece in _without(part):
                    rest.content(piece)
                    whole.update(piece)
                rest.flush()
                size += rest.size
            else:
                for raw in _pieces(part.segment):
                    blob.write(raw)
                for piece in () if alone else _unpacked(part.segment):
                    whole.update(piece)
                size += part.segment.unpacked
        whole.update(END)
        blob.write(END_OF_ARCHIVE)
        descriptor = blob.commit(LAYER_GZIP)
    diff_id = segments[0].diff_id if alone else f"sha256:{whole.hexdigest()}"
    return Layer(descriptor, diff_id, size + len(END))


def _parts(segments: Sequence[Segment]) -> list[_Part]:
    brought: set[str] = set()
    parts = []
    for segment in segments:
        files = read_index(segment).keys()
        parts.append(_Part(segment, files, frozenset(files & brought)))
        brought |= files
    return parts


def _pieces(segment: Segment) -> Iterator[bytes]:
    left = segment.size
    with disk(f"reading a packed wheel, {segment.path}"), segment.path.open("rb") as file:
        while piece := file.read(_PIECE):
            left -= len(piece)
            yield piece
    if left:
        raise _damaged(segment)


def _unpacked(segment: Segment) -> Iterator[bytes]:
    size = 0
    with disk(f"reading a packed wheel, {segment.path}"), segment.path.open("rb") as file:
        for piece in decompress(file):
            size += len(piece)
            yield piece
    if size != segment.unpacked:
        raise _damaged(segment)


def _without(part: _Part) -> Iterator[bytes]:
    """The tar entries of a segment but for the files that are there already."""
    # Rare, and then of a small file in a namespace: the segment may be held whole.
    archive = BytesIO(b"".join(_pieces(part.segment)) + END_OF_ARCHIVE)
    found = entries(reader(archive), lambda e: None if e.name in part.already else e)
    yield from (piece for piece in found if piece is not END)


def _damaged(segment: Segment) -> OutsideError:
    return OutsideError(
        f"the packed wheel {segment.path} is damaged",
        hint="delete it and build again",
    )
