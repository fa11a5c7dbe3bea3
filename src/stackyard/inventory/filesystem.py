"""An image's files, read from its layers without unpacking them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from stackyard.errors import InputError
from stackyard.inventory.tarstream import TarError, TarReader
from stackyard.inventory.tree import Node, Tree, TreeError
from stackyard.inventory.wanted import is_wanted
from stackyard.oci.decompress import reader
from stackyard.oci.disk import disk
from stackyard.oci.layer import Layer
from stackyard.oci.store import Store
from stackyard.oci.tar import Kind, TarEntry

MAX_READ = 64 << 20
"""No file that tells what is in an image is longer than this many bytes."""
_KEPT_SIZE = 8 << 20
_KEPT_TOTAL = 256 << 20

Members = Iterator[tuple[TarEntry, TarReader]]


class FileSystem:
    """What a container of the image would see under ``/``; from `read_files`.

    Paths are given with or without a leading slash and come back without.
    Symbolic links are followed, inside the root only.
    """

    def __init__(
        self,
        tree: Tree,
        kept: dict[tuple[int, str], bytes],
        members: Callable[[int], Members],
    ) -> None:
        self._tree = tree
        self._kept = kept
        self._members = members

    @property
    def nodes(self) -> Mapping[str, Node]:
        """Every file by its path without symbolic links; the root is ""."""
        return self._tree.nodes

    def resolve(self, path: str) -> str | None:
        """*path* with all links followed, or None when nothing is there."""
        return self._tree.resolve(path)

    def stat(self, path: str, *, follow: bool = True) -> Node | None:
        """What *path* leads to, or None when nothing is there."""
        place = self._tree.resolve(path, follow=follow)
        return None if place is None else self._tree.nodes[place]

    def exists(self, path: str) -> bool:
        """Whether *path* leads somewhere."""
        return self.resolve(path) is not None

    def is_file(self, path: str) -> bool:
        """Whether *path* leads to a regular file."""
        node = self.stat(path)
        return node is not None and node.kind is Kind.FILE

    def is_dir(self, path: str) -> bool:
        """Whether *path* leads to a directory."""
        node = self.stat(path)
        return node is not None and node.kind is Kind.DIRECTORY

    def listdir(self, path: str) -> list[str]:
        """The names in a directory, sorted; none when it is no directory."""
        place = self.resolve(path)
        return [] if place is None else sorted(self._tree.children.get(place, ()))

    def read(self, path: str, *, limit: int = MAX_READ) -> bytes:
        """A file's contents.

        Files such as package metadata are at hand; for another its layer is
        read once more.

        Args:
            path: the file.
            limit: most bytes that are read.

        Raises:
            InputError: there is no such file, or it is longer than *limit*.
        """
        node = self.stat(path)
        if node is None or node.kind is not Kind.FILE:
            raise InputError(
                f"the image has no file /{path.lstrip('/')}", hint="use another base image"
            )
        if node.entry.size > limit:
            raise InputError(
                f"/{path.lstrip('/')} of the image is {node.entry.size} bytes long,"
                f" more than the {limit} that such a file may have",
                hint="the image is damaged; use another",
            )
        key = (node.layer, node.member)
        if key not in self._kept:
            self._kept[key] = self._fetch(node)
        return self._kept[key]

    def text(self, path: str) -> str | None:
        """A file's contents as UTF-8 (what is not becomes U+FFFD), None when there is no file."""
        return self.read(path).decode("utf-8", "replace") if self.is_file(path) else None

    def _fetch(self, node: Node) -> bytes:
        data = b""
        for entry, tar in self._members(node.layer):
            if entry.name == node.member and entry.size == node.entry.size:
                data = tar.read()
        return data


def read_files(store: Store, layers: Sequence[Layer]) -> FileSystem:
    """The files of an image: each layer is read once.

    Args:
        store: where the layers are.
        layers: from the bottom.

    Raises:
        InputError: a layer is no tar archive, or holds what no root file system can.
        OutsideError: a layer is missing, damaged or compressed with zstd.
    """
    tree = Tree()
    kept: dict[tuple[int, str], bytes] = {}
    room = _KEPT_TOTAL

    def members(index: int) -> Members:
        return _members(store, layers[index])

    for index, layer in enumerate(layers):
        entries = []
        for entry, tar in members(index):
            entries.append(entry)
            if entry.size <= min(_KEPT_SIZE, room) and is_wanted(entry.name):
                kept[index, entry.name] = tar.read()
                room -= entry.size
        try:
            tree.apply(index, entries)
        except TreeError as error:
            raise _bad(layer, error) from error
    return FileSystem(tree, kept, members)


def _members(store: Store, layer: Layer) -> Members:
    digest = layer.descriptor.digest
    try:
        with store.open_blob(digest) as blob, disk(f"reading layer {digest}"):
            tar = TarReader(reader(blob))
            for entry in tar:
                yield entry, tar
    except TarError as error:
        raise _bad(layer, error) from error


def _bad(layer: Layer, error: Exception) -> InputError:
    return InputError(
        f"reading layer {layer.descriptor.digest}: {error}",
        hint="the image is broken or hostile; use another",
    )
