"""A base that is in the store, and remembering it there."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from filelock import FileLock, Timeout

from stackyard.errors import StackyardError
from stackyard.oci.descriptor import Descriptor, Platform
from stackyard.oci.digest import hex_of, is_digest
from stackyard.oci.disk import disk
from stackyard.oci.image import read_image
from stackyard.oci.store import Store
from stackyard.stack.values import BaseSource

_KIND = "base-1"  # another number when the same inputs come to give other images

Report = Callable[[str], None]


@dataclass(frozen=True)
class PreparedBase:
    """A base, as an image in the store.

    Attributes:
        manifest: the image's manifest.
        digest: what pins it: of a Debian suite the digest of its packages and
            their versions, of everything else that of the manifest.
        debs: of a Debian suite its packages, name to version; else empty.
    """

    manifest: Descriptor
    digest: str
    debs: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Request:
    """What is wanted; see `stackyard.system.base.prepare`."""

    source: BaseSource
    platform: Platform
    apt: tuple[str, ...]
    root: Path
    pinned: str | None


class Maker(Protocol):
    """One kind of base; `debian`, `rootfs`, `layout` and `remote` are modules of this shape."""

    @property
    def LASTS(self) -> bool:  # noqa: N802 - a constant of the modules
        """Without a pin, what was made of the same key before may be taken."""

    def key(self, request: Request) -> str:
        """What tells the base from others, as 64 hex digits."""

    def make(self, request: Request, store: Store, report: Report) -> PreparedBase:
        """Bring it into the store."""


@contextmanager
def making(store: Store, key: str, report: Report) -> Iterator[None]:
    """Hold off all others, threads and processes, who want to make the same base.

    Args:
        store: where it is made.
        key: of the base, 64 hex digits.
        report: told when there is somebody to wait for.

    Raises:
        OutsideError: the store cannot be written.
    """
    folder = store.root / "locks"
    lock = FileLock(folder / f"base-{key}.lock")
    with disk(f"locking a base in {folder}"):
        folder.mkdir(exist_ok=True)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            report("waiting for another build that prepares the same base")
            lock.acquire()
    try:
        yield
    finally:
        lock.release()


def known(store: Store, key: str, pinned: str | None) -> PreparedBase | None:
    """What was made of *key* before and is still whole: the pinned state, or the last."""
    if pinned is not None and not is_digest(pinned):
        return None
    value = store.recall(_KIND, f"{key}-{hex_of(pinned)}" if pinned else key)
    if value is None:
        return None
    try:
        base = PreparedBase(
            Descriptor.from_json(value["manifest"]), str(value["digest"]), dict(value["debs"])
        )
        image = read_image(store, base.manifest)
    except (KeyError, TypeError, ValueError, StackyardError):
        return None
    return base if all(store.has(layer.descriptor.digest) for layer in image.layers) else None


def note(store: Store, key: str, base: PreparedBase) -> None:
    """Remember what *key* made, as its last state and under its own digest.

    Raises:
        OutsideError: the disk is full or broken.
    """
    value = {
        "manifest": base.manifest.to_json(),
        "digest": base.digest,
        "debs": dict(base.debs),
    }
    store.remember(_KIND, f"{key}-{hex_of(base.digest)}", value)
    store.remember(_KIND, key, value)
