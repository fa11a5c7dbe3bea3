"""Bringing an image from a layout directory into the store."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from stackyard.errors import InputError
from stackyard.oci.descriptor import Descriptor, Platform
from stackyard.oci.disk import disk
from stackyard.oci.documents import REF_NAME
from stackyard.oci.foreign import ForeignLayout
from stackyard.oci.platforms import fits
from stackyard.oci.store import Store
from stackyard.oci.walk import INDEXES, MANIFESTS, MAX_DEPTH, children

_CHUNK = 1 << 20


def import_layout(
    store: Store, directory: Path, platform: Platform, tag: str | None = None
) -> Descriptor:
    """Copy one platform's image into the store; every blob is checked.

    Args:
        store: where it goes.
        directory: an OCI image layout.
        platform: which image, where there are several.
        tag: its reference name; None where the layout leaves no choice.

    Returns:
        The image's manifest, with its platform.

    Raises:
        InputError: there is no such layout, no such image in it, more than one, or
            it is broken.
        OutsideError: the disk failed.
    """
    layout = ForeignLayout(directory)
    with disk(f"reading the image layout {directory}"):
        manifest = _choose(layout, platform, tag)
        for blob in [*children(layout.document(manifest), manifest), manifest]:
            _copy(store, layout, blob)
    return replace(manifest, platform=platform, annotations={})


def _choose(layout: ForeignLayout, platform: Platform, tag: str | None) -> Descriptor:
    entries = layout.index()
    names = sorted({d.annotations[REF_NAME] for d in entries if REF_NAME in d.annotations})
    choice = f"name one of: {', '.join(names)}" if names else "its images have no names"
    if tag is not None:
        entries = [d for d in entries if d.annotations.get(REF_NAME) == tag]
        if not entries:
            raise InputError(f"{layout.directory}: no image is named {tag!r}", hint=choice)
    images = dict(_images(layout, entries, set()))
    fitting = [manifest for manifest, found in images.items() if fits(platform, found)]
    if not fitting:
        offered = sorted({str(found) for found in images.values() if found.os != "unknown"})
        raise InputError(
            f"{layout.directory}: there is no image for {platform}",
            hint=f"it has images for: {', '.join(offered) or 'nothing'}",
        )
    if len(fitting) > 1:
        raise InputError(
            f"{layout.directory}: there are {len(fitting)} images for {platform}", hint=choice
        )
    return fitting[0]


def _images(
    layout: ForeignLayout, entries: Sequence[Descriptor], seen: set[str], depth: int = 0
) -> Iterator[tuple[Descriptor, Platform]]:
    """Every image below *entries*, and what it runs on.

    Args:
        layout: has them.
        entries: of an index.
        seen: digests that were visited: a few indexes that list each other's
            parts again and again would otherwise never end.
        depth: how deep in indexes we are.
    """
    if depth > MAX_DEPTH:
        raise layout.broken("index.json", "indexes are nested too deep")
    for entry in entries:
        if entry.digest in seen:
            continue
        seen.add(entry.digest)
        if entry.media_type in INDEXES:
            below = layout.entries(layout.document(entry), entry.digest)
            yield from _images(layout, below, seen, depth + 1)
        elif entry.media_type in MANIFESTS:
            yield entry, entry.platform or layout.platform(entry)


def _copy(store: Store, layout: ForeignLayout, blob: Descriptor) -> None:
    with layout.open_blob(blob) as source, store.writer() as writer:
        while piece := source.read(_CHUNK):
            writer.write(piece)
            if writer.size > blob.size:
                break
        if (writer.digest, writer.size) != (blob.digest, blob.size):
            raise layout.broken(blob.digest, "its content is not what its digest and size say")
        writer.commit(blob.media_type)
