"""The files of an image as one tree, built layer by layer.

Applying layers: https://github.com/opencontainers/image-spec/blob/main/layer.md
Symbolic links are followed inside the root only, as the image's own kernel would.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from stackyard.oci.tar import Kind, TarEntry

_MOST_LINKS = 40
_LONGEST_PATH = 4096
_WHITEOUT = ".wh."
_OPAQUE = ".wh..wh..opq"


class Node(NamedTuple):
    """One file of the tree.

    Attributes:
        entry: its metadata. For a hard link that of the file it is a link to.
        layer: index of the layer that its contents are in, from the bottom.
        member: the name under which they are found there.
    """

    entry: TarEntry
    layer: int
    member: str

    @property
    def kind(self) -> Kind:
        """What it is; never a hard link."""
        return self.entry.kind


class TreeError(ValueError):
    """An entry that cannot be in a root file system."""


class Tree:
    """A root file system's names and metadata. Paths have no leading slash; the root is ""."""

    def __init__(self) -> None:
        root = TarEntry("", Kind.DIRECTORY, mode=0o755)
        self.nodes: dict[str, Node] = {"": Node(root, -1, "")}
        self.children: dict[str, dict[str, None]] = {"": {}}

    def apply(self, layer: int, entries: list[TarEntry]) -> None:
        """Put a layer on top.

        Args:
            layer: its index from the bottom.
            entries: its members in order, as `TarReader` gives them.

        Raises:
            TreeError: a name leaves the root, or a hard link's target is missing.
        """
        # A whiteout hides what lower layers have, never what its own layer has.
        for entry in entries:
            _check(entry)
            folder, _, name = entry.name.rpartition("/")
            if name == _OPAQUE:
                self._empty(self.place(folder))
            elif name.startswith(_WHITEOUT):
                self._remove(_join(self.place(folder), name.removeprefix(_WHITEOUT)))
        for entry in entries:
            folder, _, name = entry.name.rpartition("/")
            if not name.startswith(_WHITEOUT):
                self._add(folder, name, layer, entry)

    def resolve(self, path: str, *, follow: bool = True) -> str | None:
        """Where *path* leads: a path without symbolic links, or None when nothing is there.

        Args:
            path: absolute, or from the root.
            follow: also follow the last component.
        """
        return self._walk(path, follow=follow, missing=False)

    def place(self, path: str) -> str:
        """Where a directory *path* is, or would be made, with all links followed."""
        if path in self.children:
            return path
        place = self._walk(path, follow=True, missing=True)
        if place is None:
            raise TreeError(f"{path!r} is a loop of symbolic links")
        return place

    def _walk(self, path: str, *, follow: bool, missing: bool) -> str | None:
        todo = path.split("/")[::-1]
        here = ""
        links = 0
        while todo:
            part = todo.pop()
            if part in ("", "."):
                continue
            if part == "..":
                here = here.rpartition("/")[0]
                continue
            here = _join(here, part)
            node = self.nodes.get(here)
            if node is None:
                if not missing:
                    return None
            elif node.kind is Kind.SYMLINK and (follow or any(todo)):
                links += 1
                if links > _MOST_LINKS:
                    return None
                target = node.entry.target
                todo.extend(target.split("/")[::-1])
                here = "" if target.startswith("/") else here.rpartition("/")[0]
            elif node.kind is not Kind.DIRECTORY and any(todo) and not missing:
                return None
        return here

    def _add(self, folder: str, name: str, layer: int, entry: TarEntry) -> None:
        place = self.place(folder)
        path = _join(place, name)
        node = self._node(layer, entry)
        directory = node.kind is Kind.DIRECTORY
        if not (directory and path in self.children):
            self._remove(path)
        if place not in self.children:
            self._make(place, layer)
        self.nodes[path] = node
        if path:
            self.children[place][name] = None
        if directory:
            self.children.setdefault(path, {})

    def _node(self, layer: int, entry: TarEntry) -> Node:
        if entry.kind is not Kind.HARDLINK:
            return Node(entry, layer, entry.name)
        target = self.resolve(entry.target, follow=False)
        node = self.nodes[target] if target else None
        if node is None or node.kind is Kind.DIRECTORY:
            raise TreeError(f"{entry.name!r} is a hard link to {entry.target!r}, which is no file")
        return node

    def _make(self, path: str, layer: int) -> None:
        """Make a directory that the archive did not name, and those above it."""
        above, here = "", ""
        for name in path.split("/"):
            above, here = here, _join(here, name)
            if here not in self.children:
                self.nodes[here] = Node(TarEntry(here, Kind.DIRECTORY, mode=0o755), layer, here)
                self.children[above][name] = None
                self.children[here] = {}

    def _empty(self, path: str) -> None:
        for name in list(self.children.get(path, ())):
            self._remove(_join(path, name))

    def _remove(self, path: str) -> None:
        """Remove *path* and all below it; nothing happens when it is not there."""
        if not path or path not in self.nodes:
            return
        for below in list(self._below(path)):
            del self.nodes[below]
            self.children.pop(below, None)
        above, _, name = path.rpartition("/")
        del self.children[above][name]

    def _below(self, path: str) -> Iterator[str]:
        todo = [path]
        while todo:
            here = todo.pop()
            yield here
            todo.extend(_join(here, name) for name in self.children.get(here, ()))


def _join(folder: str, name: str) -> str:
    return f"{folder}/{name}" if folder else name


def _check(entry: TarEntry) -> None:
    name = entry.name
    if ".." in name and ".." in name.split("/"):
        raise TreeError(f"the name {name!r} leaves the root")
    if len(name) > _LONGEST_PATH:
        raise TreeError(f"a name of {len(name)} characters")
    if "\0" in name or (not name and entry.kind is not Kind.DIRECTORY):
        raise TreeError(f"{name!r} is not a file's name")
