"""Segments to one layer."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence

from stackyard.errors import OutsideError
from stackyard.oci.decompress import decompress
from stackyard.oci.descriptor import LAYER_GZIP
from stackyard.oci.disk import disk
from stackyard.oci.gzip import END_OF_ARCHIVE
from stackyard.oci.layer import Layer
from stackyard.oci.store import Store
from stackyard.oci.tar import END
from stackyard.pack.segment import Segment

_PIECE = 1 << 20


def pack_group(store: Store, segments: Sequence[Segment]) -> Layer:
    """Put segments together: the blob is one after the other, then the end of archive.

    Args:
        store: where the layer goes.
        segments: in the order that they are to have; the caller sorts them.

    Raises:
        OutsideError: a segment was deleted or damaged, or the disk is full.
    """
    with store.writer() as blob:
        for segment in segments:
            for piece in _pieces(segment):
                blob.write(piece)
        blob.write(END_OF_ARCHIVE)
        descriptor = blob.commit(LAYER_GZIP)
    size = sum(segment.unpacked for segment in segments) + len(END)
    return Layer(descriptor, _diff_id(segments), size)


def _pieces(segment: Segment) -> Iterator[bytes]:
    left = segment.size
    with disk(f"reading a packed wheel, {segment.path}"), segment.path.open("rb") as file:
        while piece := file.read(_PIECE):
            left -= len(piece)
            yield piece
    if left:
        raise _damaged(segment)


def _diff_id(segments: Sequence[Segment]) -> str:
    if len(segments) == 1:
        return segments[0].diff_id  # hashed when it was packed; the others must be read again
    whole = hashlib.sha256()
    for segment in segments:
        size = 0
        with disk(f"reading a packed wheel, {segment.path}"), segment.path.open("rb") as file:
            for piece in decompress(file):
                whole.update(piece)
                size += len(piece)
        if size != segment.unpacked:
            raise _damaged(segment)
    whole.update(END)
    return f"sha256:{whole.hexdigest()}"


def _damaged(segment: Segment) -> OutsideError:
    return OutsideError(
        f"the packed wheel {segment.path} is damaged",
        hint="delete it and build again",
    )
