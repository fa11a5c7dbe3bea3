"""Tar entries with their contents to a layer in the store."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TypeAlias

from stackyard.oci.descriptor import LAYER_GZIP
from stackyard.oci.gzip import END_OF_ARCHIVE
from stackyard.oci.layer import Layer
from stackyard.oci.store import Store
from stackyard.oci.tar import END, TarEntry
from stackyard.pack.run import Run

Content: TypeAlias = bytes | Iterator[bytes]
"""All of it, or in pieces; as long as the entry says."""


def layer_of(store: Store, entries: Iterable[tuple[TarEntry, Content]]) -> Layer:
    """A layer of the given entries, in their order.

    Raises:
        OutsideError: the disk is full or broken.
    """
    with store.writer() as blob:
        run = Run(blob.write)
        for entry, content in entries:
            run.begin(entry)
            for piece in (content,) if isinstance(content, bytes) else content:
                run.content(piece)
            run.end(entry.size)
        diff_id = run.diff_id()
        blob.write(END_OF_ARCHIVE)
        return Layer(blob.commit(LAYER_GZIP), diff_id, run.size + len(END))
