"""What is installed in an image, since which of its layers, and where its files are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

from stackyard.errors import InputError
from stackyard.inventory import records
from stackyard.inventory.listing import Listing, listings
from stackyard.inventory.records import Deb, Dist
from stackyard.inventory.tree import Node, Tree, TreeError
from stackyard.oci.image import StoredImage
from stackyard.oci.store import Store
from stackyard.oci.tar import Kind

PackageKind = Literal["deb", "pypi"]

Texts = Mapping[tuple[int, str], str]
"""What records say, by layer and by name in it."""


@dataclass(frozen=True, slots=True)
class Installed:
    """A package that is installed.

    Attributes:
        layer: index of the layer, from the bottom, since which its record has this version.
        record: where the record is; of Debian packages that is dpkg's folder.
        lists: where the list of its files can be.
        estimate: bytes that its record says it takes; 0 when it says nothing.
    """

    kind: PackageKind
    name: str
    version: str
    architecture: str
    layer: int
    license: str
    record: str
    lists: tuple[str, ...]
    estimate: int


@dataclass
class Survey:
    """An image's files, and what is installed in it."""

    tree: Tree
    installed: tuple[Installed, ...]
    texts: Texts
    _folders: dict[str, str | None] = field(default_factory=dict)

    def files(self, package: Installed) -> Iterator[str]:
        """The paths that belong to a package, as far as it says so and they are there.

        They are without symbolic links on the way: what a list has under ``/lib`` is
        in ``usr/lib`` where the one is a link to the other.
        """
        read = records.deb_files if package.kind == "deb" else records.dist_files
        for name in package.lists:
            place = self.locate(name)
            if place is None:
                continue
            node = self.tree.nodes[place]
            for path in read(name, self.texts.get((node.layer, node.member), "")):
                found = self.locate(path)
                if found:
                    yield found

    def locate(self, path: str) -> str | None:
        """*path* without symbolic links on the way; None when nothing is there."""
        if path in self.tree.nodes:
            return path
        folder, _, name = path.rpartition("/")
        if folder not in self._folders:
            self._folders[folder] = self.tree.resolve(folder)
        place = self._folders[folder]
        found = f"{place}/{name}" if place else name
        return None if place is None or found not in self.tree.nodes else found


def survey(store: Store, image: StoredImage) -> Survey:
    """Look through an image, layer by layer; each layer is read once for all images.

    Raises:
        InputError: a layer is no tar archive, or holds what no root file system can.
        OutsideError: a layer is missing, damaged or compressed with zstd.
    """
    tree = Tree()
    texts: dict[tuple[int, str], str] = {}
    debs, dists = _Debs(), _Dists()
    for index, listing in enumerate(listings(store, image.layers)):
        texts.update(((index, name), text) for name, text in listing.texts.items())
        try:
            tree.apply(index, list(listing.entries))
            debs.after(index, tree, texts)
            dists.after(index, tree, texts, listing)
        except TreeError as error:
            raise InputError(
                f"reading layer {image.layers[index].descriptor.digest}: {error}",
                hint="the image is broken or hostile; use another",
            ) from error
    return Survey(tree, (*debs.installed(), *dists.installed()), texts)


class _Debs:
    """Debian packages, and the layer since which each is there."""

    def __init__(self) -> None:
        self._since: dict[Deb, int] = {}
        self._seen: list[Node] = []

    def after(self, index: int, tree: Tree, texts: Texts) -> None:
        """Take in the state with one more layer."""
        nodes = list(_status(tree))
        if nodes == self._seen:
            return
        self._seen = nodes
        now = [d for node in nodes for d in records.debs(texts.get((node.layer, node.member), ""))]
        self._since = {deb: self._since.get(deb, index) for deb in now}

    def installed(self) -> Iterator[Installed]:
        """What is there now."""
        for deb, layer in self._since.items():
            yield Installed(
                kind="deb",
                name=deb.name,
                version=deb.version,
                architecture=deb.architecture,
                layer=layer,
                license="",
                record=records.DPKG,
                lists=records.deb_lists(deb),
                estimate=deb.size,
            )


def _status(tree: Tree) -> Iterator[Node]:
    """The records of dpkg; distroless images keep a file for each package."""
    place = tree.resolve(f"{records.DPKG}/status")
    if place:
        yield tree.nodes[place]
    folder = tree.resolve(f"{records.DPKG}/status.d")
    for name in tree.children.get(folder or "", ()) if folder else ():
        if not name.endswith(".md5sums"):
            yield tree.nodes[f"{folder}/{name}"]


class _Dists:
    """Python distributions by their record's path, and the layer since which each is there."""

    def __init__(self) -> None:
        self._since: dict[str, tuple[Dist, int]] = {}

    def after(self, index: int, tree: Tree, texts: Texts, listing: Listing) -> None:
        """Take in the state with one more layer."""
        self._since = {path: known for path, known in self._since.items() if path in tree.nodes}
        for entry in listing.entries:
            if entry.kind in (Kind.FILE, Kind.HARDLINK) and records.is_dist(entry.name):
                folder, _, name = entry.name.rpartition("/")
                path = f"{tree.place(folder)}/{name}"
                self._note(path, index, tree.nodes.get(path), texts)

    def _note(self, path: str, index: int, node: Node | None, texts: Texts) -> None:
        found = records.dist(texts.get((node.layer, node.member), "")) if node else None
        before = self._since.pop(path, None)
        if found and before and before[0].version == found.version:
            self._since[path] = (found, before[1])  # rewritten, such as by a chown
        elif found:
            self._since[path] = (found, index)

    def installed(self) -> Iterator[Installed]:
        """What is there now."""
        for path, (dist, layer) in self._since.items():
            yield Installed(
                kind="pypi",
                name=dist.name,
                version=dist.version,
                architecture="",
                layer=layer,
                license=dist.license,
                record=path,
                lists=records.dist_lists(path),
                estimate=0,
            )
