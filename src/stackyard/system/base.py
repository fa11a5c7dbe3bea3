"""Bases: whatever a bottom layer names, as an image in the store."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from stackyard.errors import InputError, StackyardError
from stackyard.oci.descriptor import MANIFEST, Descriptor, Platform
from stackyard.oci.image import read_image
from stackyard.oci.layer import Layer
from stackyard.oci.store import Store
from stackyard.stack.values import BaseSource
from stackyard.system import debian, layout, remote, rootfs
from stackyard.system.prepared import Maker, PreparedBase, Request, known, making, note

__all__ = ["PreparedBase", "layers_at_hand", "prepare"]

_MAKERS: Mapping[str, Maker] = {
    "debian": debian,
    "rootfs": rootfs,
    "oci": layout,
    "registry": remote,
}


def prepare(
    source: BaseSource,
    *,
    platform: str,
    apt: Sequence[str],
    store: Store,
    root: Path,
    pinned: str | None,
    report: Callable[[str], None],
    refresh: bool = False,
) -> PreparedBase:
    """Bring a base into the store, or find it there.

    What was brought in once is found again without network: the very state that
    is pinned, or, without a pin, the last state of a Debian suite, which with a
    snapshot is its only one. Of two who
    prepare the same base at once, the second waits and takes what the first made.

    Args:
        source: what the stack file names.
        platform: such as ``linux/amd64``.
        apt: Debian packages that the bottom layer wants; order does not matter.
        store: where the base goes.
        root: the stack's folder, which paths are relative to.
        pinned: the `PreparedBase.digest` of an earlier time. A registry image is
            fetched at exactly that digest. A suite or a file can have moved on:
            then what is there now is brought in, and has another digest, which
            the caller has to look at.
        report: told of progress, a line at a time, from any thread.
        refresh: without a pin, look for the present state of a Debian suite.

    Raises:
        InputError: no such suite, package, file or image, or a hostile one.
        OutsideError: network, disk, or a program that is missing or fails.
    """
    request = Request(source, _platform(platform), tuple(sorted(set(apt))), root, pinned)
    if apt and source.kind != "debian":
        raise InputError(
            f"the base {source} cannot take apt packages ({', '.join(apt)})",
            hint="apt needs a base such as {debian: bookworm}; or build them into your own base",
        )
    maker = _MAKERS[source.kind]
    key = maker.key(request)
    with making(store, key, report):
        base = known(store, key, pinned)
        fixed = pinned or source.snapshot
        if base and (fixed or (maker.LASTS and not refresh)):
            return base
        base = maker.make(request, store, report)
        note(store, key, base)
        return base


def layers_at_hand(
    source: BaseSource, *, platform: str, apt: Sequence[str], store: Store, pinned: str
) -> tuple[Layer, ...] | None:
    """The layers of a pinned base, where `prepare` would find it in the store; else None.

    The arguments are those of `prepare`.
    """
    try:
        if source.kind == "debian":
            wanted = tuple(sorted(set(apt)))
            request = Request(source, _platform(platform), wanted, Path(), pinned)
            base = known(store, debian.key(request), pinned)
            return read_image(store, base.manifest).layers if base else None
        # Anything else is pinned by its manifest.
        return read_image(store, Descriptor(MANIFEST, pinned, 0)).layers
    except StackyardError:
        return None


def _platform(text: str) -> Platform:
    try:
        return Platform.parse(text)
    except ValueError as error:
        raise InputError(str(error), hint="platforms are such as linux/amd64") from error
