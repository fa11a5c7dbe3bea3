"""Registry images as bases."""

from __future__ import annotations

from stackyard.oci.digest import hex_of, is_digest, sha256
from stackyard.oci.documents import canonical
from stackyard.oci.reference import Reference
from stackyard.oci.store import Store
from stackyard.system.prepared import PreparedBase, Report, Request

LASTS = False
"""A tag moves, and asking where to costs little."""


def key(request: Request) -> str:
    """What tells this base from others, as 64 hex digits.

    Raises:
        InputError: it is no image reference.
    """
    reference = Reference.parse(request.source.value)
    return hex_of(sha256(canonical(["registry", str(reference), str(request.platform)])))


def make(request: Request, store: Store, report: Report) -> PreparedBase:
    """Pull the image: at the pinned digest, or wherever its tag is.

    Raises:
        InputError: it is not made for the platform.
        OutsideError: the registry or the disk failed.
    """
    # httpx is slow to import, and most stacks need no registry here.
    from stackyard.oci.registry.client import Registry  # noqa: PLC0415 - see above
    from stackyard.oci.registry.pull import pull  # noqa: PLC0415 - see above

    reference = Reference.parse(request.source.value)
    if request.pinned and is_digest(request.pinned):
        reference = reference.pinned(request.pinned)
    report(f"{request.source} ({request.platform}): pulling it")
    with Registry(reference.registry) as client:
        manifest = pull(client, reference, request.platform, store)
    return PreparedBase(manifest, manifest.digest)
