"""What differs between two images, and what moving from one to the other costs a node."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from itertools import takewhile

from stackyard.inventory.contents import Package, contents
from stackyard.inventory.survey import PackageKind
from stackyard.oci.image import StoredImage
from stackyard.oci.store import Store
from stackyard.oci.walk import children


@dataclass(frozen=True, slots=True, order=True)
class Change:
    """A package that is not the same in two images.

    Attributes:
        before, after: its versions, sorted; several when it is there several times,
            none when it is not there.
    """

    kind: PackageKind
    name: str
    before: tuple[str, ...]
    after: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Difference:
    """From one image to another.

    Attributes:
        changes: packages that were added, removed or changed, sorted by kind and name.
        pulled: bytes, as they are stored, of the blobs that a node which has the first
            must pull for the second.
        total: bytes of all the second one's blobs.
        new_layers: indexes of the second one's layers that must be pulled.
        shared_chain: how many layers, from the bottom, are the same in both, so that
            they are there unpacked as well.
        layers: how many layers the second has.
    """

    changes: tuple[Change, ...]
    pulled: int
    total: int
    new_layers: tuple[int, ...]
    shared_chain: int
    layers: int


def compare(store: Store, before: StoredImage, after: StoredImage) -> Difference:
    """What differs between two images that the store has.

    Raises:
        InputError: an image is broken or hostile.
        OutsideError: a blob is missing or damaged.
    """
    chain = _shared_chain(before, after)
    held = _blobs(store, before)
    # A layer that is unpacked already is not pulled, even if it was compressed otherwise.
    held |= {layer.descriptor.digest: 0 for layer in after.layers[:chain]}
    wanted = _blobs(store, after)
    return Difference(
        changes=_changes(contents(store, before), contents(store, after)),
        pulled=sum(size for digest, size in wanted.items() if digest not in held),
        total=sum(wanted.values()),
        new_layers=tuple(
            index for index, layer in enumerate(after.layers) if layer.descriptor.digest not in held
        ),
        shared_chain=chain,
        layers=len(after.layers),
    )


def _shared_chain(before: StoredImage, after: StoredImage) -> int:
    # Engines know unpacked layers by the archives below them, not by compressed blobs.
    pairs = zip(before.layers, after.layers, strict=False)
    return len(list(takewhile(lambda pair: pair[0].diff_id == pair[1].diff_id, pairs)))


def _blobs(store: Store, image: StoredImage) -> dict[str, int]:
    manifest = image.manifest
    return {blob.digest: blob.size for blob in children(store.read(manifest.digest), manifest)}


def _changes(before: tuple[Package, ...], after: tuple[Package, ...]) -> tuple[Change, ...]:
    old, new = _versions(before), _versions(after)
    return tuple(
        Change(*key, tuple(sorted(old.get(key, ()))), tuple(sorted(new.get(key, ()))))
        for key in sorted(old.keys() | new.keys())
        if old.get(key) != new.get(key)
    )


def _versions(packages: tuple[Package, ...]) -> dict[tuple[PackageKind, str], set[str]]:
    found: dict[tuple[PackageKind, str], set[str]] = defaultdict(set)
    for package in packages:
        found[package.kind, package.name].add(package.version)
    return dict(found)
