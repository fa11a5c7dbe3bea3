"""Who owns a path of an image: the packages whose file it is, or the layer that brought it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from stackyard.inventory.contents import Package, package_of
from stackyard.inventory.survey import Survey, survey
from stackyard.inventory.tree import Tree
from stackyard.oci.image import StoredImage
from stackyard.oci.store import Store
from stackyard.oci.tar import Kind


@dataclass(frozen=True, slots=True)
class Share:
    """What one package, or no package, has at a path.

    Attributes:
        package: None for what belongs to no package.
        layer: index of the layer that the files' contents are in, from the bottom.
        files: how many; directories do not count, links do.
        size: bytes of their contents, not compressed.
    """

    package: Package | None
    layer: int
    files: int
    size: int


@dataclass(frozen=True, slots=True)
class Owned:
    """A path of an image.

    Attributes:
        path: where it is, with all symbolic links on the way followed; no leading slash.
        kind: what it is.
        target: of a symbolic link, as it is written.
        leads_to: of a symbolic link, the path that it leads to, where there is something.
        layer: index of the layer that it is in as it is seen, from the bottom.
        shares: whose it is, or, of a directory, whose the files in it are; largest first.
    """

    path: str
    kind: Kind
    target: str
    leads_to: str | None
    layer: int
    shares: tuple[Share, ...]


def owner(store: Store, image: StoredImage, path: str) -> Owned | None:
    """Who owns a path.

    Args:
        store: has the image.
        image: from `read_image`.
        path: in the image, with or without leading slash.

    Returns:
        None when nothing is there.

    Raises:
        InputError: a layer is no tar archive, or holds what no root file system can.
        OutsideError: a layer is missing, damaged or compressed with zstd.
    """
    found = survey(store, image)
    place = found.tree.resolve(path, follow=False)
    if place is None:
        return None
    node = found.tree.nodes[place]
    link = node.kind is Kind.SYMLINK
    return Owned(
        path=place,
        kind=node.kind,
        target=node.entry.target if link else "",
        leads_to=found.tree.resolve(place) if link else None,
        layer=node.layer,
        shares=tuple(_shares(found, _files(found.tree, place))),
    )


def _files(tree: Tree, place: str) -> set[str]:
    """The file at a place, or all those in a directory."""
    if tree.nodes[place].kind is not Kind.DIRECTORY:
        return {place}
    start = f"{place}/" if place else ""
    return {
        path
        for path, node in tree.nodes.items()
        if path.startswith(start) and node.kind is not Kind.DIRECTORY
    }


def _shares(found: Survey, files: set[str]) -> Iterator[Share]:
    sums: dict[tuple[Package | None, int], list[int]] = defaultdict(lambda: [0, 0])

    def count(package: Package | None, paths: set[str]) -> None:
        for path in paths:
            node = found.tree.nodes[path]
            share = sums[package, node.layer]
            share[0] += 1
            share[1] += node.entry.size

    nobodys = set(files)
    for installed in found.installed:
        mine = files.intersection(found.files(installed))
        if mine:
            count(package_of(found, installed), mine)
            nobodys -= mine
    count(None, nobodys)
    ranked = sorted(sums.items(), key=lambda item: (-item[1][1], -item[1][0], item[0][1]))
    for (package, layer), (number, size) in ranked:
        yield Share(package, layer, number, size)
