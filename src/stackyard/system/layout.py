"""OCI image layouts as bases."""

from __future__ import annotations

from stackyard.errors import InputError
from stackyard.oci.digest import hex_of, sha256
from stackyard.oci.disk import disk
from stackyard.oci.documents import canonical
from stackyard.oci.imports import import_layout
from stackyard.oci.store import Store
from stackyard.system.prepared import PreparedBase, Report, Request
from stackyard.system.within import within

LASTS = True
"""The key holds the layout's index, which names all else by digest."""

_MOST_INDEX = 16 << 20


def key(request: Request) -> str:
    """What tells this base from others, as 64 hex digits.

    Raises:
        InputError: there is no layout inside the stack's folder.
        OutsideError: it cannot be read.
    """
    path = within(request.root, request.source.value)
    index = path / "index.json"
    if not index.is_file():
        raise InputError(
            f"reading the base {request.source}: it has no index.json",
            hint="oci names an image layout directory, such as skopeo copy ... oci:DIR makes",
        )
    with disk(f"reading {index}"), index.open("rb") as file:
        data = file.read(_MOST_INDEX)
    return hex_of(sha256(canonical(["oci", sha256(data), str(request.platform)])))


def make(request: Request, store: Store, report: Report) -> PreparedBase:
    """Copy the layout's image for the platform into the store.

    Raises:
        InputError: it has none for it, or is broken.
        OutsideError: it cannot be read, or the store cannot be written.
    """
    report(f"{request.source} ({request.platform}): copying it")
    path = within(request.root, request.source.value)
    manifest = import_layout(store, path, request.platform)
    return PreparedBase(manifest, manifest.digest)
