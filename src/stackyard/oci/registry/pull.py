"""Pulling images: a reference to one platform's manifest, and its blobs to the store."""

from __future__ import annotations

import threading

from stackyard.errors import InputError, OutsideError
from stackyard.oci.descriptor import Descriptor, Platform
from stackyard.oci.reference import Reference
from stackyard.oci.registry.body import Advance
from stackyard.oci.registry.client import Registry
from stackyard.oci.registry.document import (
    CONFIG_LIMIT,
    INDEX_TYPES,
    Document,
    media_type_of,
    platform_of,
    read_document,
)
from stackyard.oci.registry.download import fetch, small
from stackyard.oci.registry.parallel import each
from stackyard.oci.store import Store

_NESTED = 4


def resolve(client: Registry, reference: Reference, platform: Platform) -> Descriptor:
    """The manifest of a reference for a platform; its digest is what to pin.

    Raises:
        InputError: the image is not made for *platform*; the message lists what it is for.
        OutsideError: the registry cannot be asked, lacks it, or answers nonsense.
    """
    return _manifest(client, reference, platform)[0]


def pull(
    client: Registry,
    reference: Reference,
    platform: Platform,
    store: Store,
    advance: Advance | None = None,
) -> Descriptor:
    """Bring an image to the store; what is there already is not fetched.

    An image that is pinned by its manifest's digest and is whole in the store
    needs no registry at all.

    Args:
        client: the registry that *reference* names.
        reference: the image.
        platform: which one, when the reference is an index.
        store: where its manifest, as published, its config and its layers go.
        advance: told of bytes as they arrive, or are found to be there.

    Raises:
        InputError: the image is not made for *platform*.
        OutsideError: the registry or the disk failed, or a blob is not what its
            digest says.
    """
    advance = advance or _nobody
    manifest, document = _held(store, reference, platform) or _fetched(
        client, reference, platform, store
    )
    stop = threading.Event()

    def one(blob: Descriptor) -> None:
        with client.turn(blob.digest):
            if _is_here(store, blob):
                advance(blob.size)
            else:
                fetch(client, reference.repository, blob, store, advance=advance, stop=stop)

    blobs = {blob.digest: blob for blob in document.blobs}.values()
    each(one, sorted(blobs, key=lambda blob: -blob.size), client.parallel, stop)
    return manifest


def _manifest(
    client: Registry, reference: Reference, platform: Platform
) -> tuple[Descriptor, bytes, Document]:
    """Follow indexes down to one manifest."""
    version = reference.version
    for _ in range(_NESTED):
        found, data = client.manifest(reference.repository, version)
        document = read_document(data, found.media_type, f"reading {reference}")
        if found.media_type not in INDEX_TYPES:
            _check_platform(client, reference, document, platform)
            known = Descriptor(found.media_type, found.digest, found.size, platform=platform)
            return known, data, document
        version = _choose(reference, document, platform).digest
    raise OutsideError(
        f"reading {reference}: its indexes are nested more than {_NESTED} deep",
        hint="have the image published again with a current tool",
    )


def _choose(reference: Reference, index: Document, platform: Platform) -> Descriptor:
    """The entry for a platform; one without a platform is looked into when none fits."""
    entries = index.manifests
    exact = [m for m in entries if m.platform == platform]
    close = [m for m in entries if m.platform and fits(m.platform, platform)]
    silent = [m for m in entries if m.platform is None]
    if chosen := [*exact, *close, *silent]:
        return chosen[0]
    names = sorted({str(m.platform) for m in entries if m.platform and m.platform.os != "unknown"})
    raise _unfit(reference, platform, ", ".join(names) or "no platform at all")


def fits(have: Platform, want: Platform) -> bool:
    """Whether an image for *have* is one for *want*; arm64 is v8 when it says nothing."""
    if (have.os, have.architecture) != (want.os, want.architecture):
        return False
    plain = {"", "v8"} if want.architecture == "arm64" else {""}
    return have.variant == want.variant or {have.variant, want.variant} <= plain


def _check_platform(
    client: Registry, reference: Reference, image: Document, platform: Platform
) -> None:
    config = small(client, reference.repository, image.blobs[0], CONFIG_LIMIT)
    have = platform_of(config, f"reading {reference}")
    if not fits(have, platform) and (have.variant or not platform.variant):
        raise _unfit(reference, platform, str(have))


def _unfit(reference: Reference, platform: Platform, have: str) -> InputError:
    return InputError(
        f"{reference} is not made for {platform}; it is made for {have}",
        hint="take another base, or drop the platform from the stack file",
    )


def _fetched(
    client: Registry, reference: Reference, platform: Platform, store: Store
) -> tuple[Descriptor, Document]:
    manifest, data, document = _manifest(client, reference, platform)
    store.put(data, manifest.media_type)
    return manifest, document


def _held(
    store: Store, reference: Reference, platform: Platform
) -> tuple[Descriptor, Document] | None:
    """A pinned manifest that an earlier pull left, when it is one of this platform."""
    if reference.digest is None or not store.has(reference.digest):
        return None
    doing = f"reading {reference}"
    data = store.read(reference.digest)
    try:
        media_type = media_type_of(data, "")
    except ValueError:
        return None
    document = read_document(data, media_type, doing)
    if not document.blobs or not store.has(document.blobs[0].digest):
        return None
    have = platform_of(store.read(document.blobs[0].digest), doing)
    if not fits(have, platform):
        raise _unfit(reference, platform, str(have))
    return Descriptor(media_type, reference.digest, len(data), platform=platform), document


def _is_here(store: Store, blob: Descriptor) -> bool:
    try:
        return store.blob_path(blob.digest).stat().st_size == blob.size
    except OSError:
        return False


def _nobody(_: int) -> None:
    """Nobody watches."""
