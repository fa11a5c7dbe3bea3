"""The dependency edges of a uv.lock, and who reaches what along them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import unquote, urlsplit

from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from stackyard.lock.project import NAME, group_marker

Node = tuple[str, str]
"""A package: its normalised name and its version."""


@dataclass(frozen=True, slots=True)
class Edge:
    """A dependency on *node*, with extras, where *marker* holds (None: everywhere)."""

    node: Node
    extras: tuple[str, ...]
    marker: str | None


@dataclass(frozen=True, slots=True)
class File:
    """A wheel as uv.lock knows it; hash (sha256, hex) and size may be unknown."""

    filename: str
    address: str
    sha256: str | None
    size: int | None


@dataclass(frozen=True)
class Graph:
    """A uv.lock.

    Attributes:
        edges: (package, extra) to its dependencies; the extra is empty for those
            that the package always has.
        groups: group to its dependencies.
        files: package to its wheels.
    """

    edges: Mapping[tuple[Node, str], tuple[Edge, ...]]
    groups: Mapping[str, tuple[Edge, ...]]
    files: Mapping[Node, tuple[File, ...]]

    @classmethod
    def read(cls, document: Mapping[str, Any]) -> Graph:
        """Read the document of uv.lock."""
        packages = document["package"]
        versions = {p["name"]: str(p.get("version", "")) for p in packages}
        edges: dict[tuple[Node, str], tuple[Edge, ...]] = {}
        groups: dict[str, tuple[Edge, ...]] = {}
        files: dict[Node, tuple[File, ...]] = {}

        def read(entries: Iterable[Mapping[str, Any]]) -> tuple[Edge, ...]:
            return tuple(
                Edge(
                    (e["name"], str(e.get("version") or versions[e["name"]])),
                    tuple(e.get("extra", ())),
                    e.get("marker"),
                )
                for e in entries
            )

        for p in packages:
            if p["name"] == NAME:
                groups = {g: read(deps) for g, deps in p.get("dev-dependencies", {}).items()}
                continue
            node = (p["name"], str(p["version"]))
            # One version may come from two indexes, as two entries.
            edges[node, ""] = edges.get((node, ""), ()) + read(p.get("dependencies", ()))
            for extra, deps in p.get("optional-dependencies", {}).items():
                edges[node, extra] = edges.get((node, extra), ()) + read(deps)
            files[node] = files.get(node, ()) + tuple(map(_file, p.get("wheels", ())))
        return cls(edges, groups, files)


def _file(wheel: Mapping[str, Any]) -> File:
    address = str(wheel.get("url") or wheel.get("path") or wheel.get("filename"))
    path = urlsplit(address).path if "://" in address else address
    filename = str(wheel.get("filename") or PurePosixPath(unquote(path)).name)
    algorithm, _, value = str(wheel.get("hash", "")).partition(":")
    return File(filename, address, value if algorithm == "sha256" else None, wheel.get("size"))


@dataclass
class View:
    """A graph as one platform and one fork see it.

    Args:
        graph: the whole graph.
        environment: the marker variables of the platform.
        active: the groups that are in, among those that contradict others.
        groups: all groups that contradict others.
    """

    graph: Graph
    environment: Mapping[str, str]
    active: Collection[str] = ()
    groups: Collection[str] = ()
    _markers: dict[str, bool] = field(default_factory=dict)

    def holds(self, marker: str | None) -> bool:
        """Whether *marker* holds here."""
        if marker is None:
            return True
        if marker not in self._markers:
            self._markers[marker] = self._evaluate(marker)
        return self._markers[marker]

    def _evaluate(self, marker: str) -> bool:
        # A group's term becomes one that holds or not whatever else is asked.
        name = self.environment["os_name"]
        yes, no = f"os_name == '{name}'", f"os_name != '{name}'"
        for group in self.groups:
            is_in, is_out = (yes, no) if group in self.active else (no, yes)
            marker = marker.replace(f"extra == '{group_marker(group)}'", is_in)
            marker = marker.replace(f"extra != '{group_marker(group)}'", is_out)
        return Marker(marker).evaluate({**self.environment, "extra": ""})

    def roots(self, group: str, lines: Iterable[str]) -> Iterator[Edge]:
        """The edges of those requirements of a group that hold here.

        A group may be several layers', so the edge is found by name and the
        extras and marker are the requirement's own.
        """
        here = {e.node[0]: e.node for e in self.graph.groups.get(group, ()) if self.holds(e.marker)}
        for line in lines:
            wanted = Requirement(line)
            node = here.get(canonicalize_name(wanted.name))
            if node and (
                wanted.marker is None or wanted.marker.evaluate({**self.environment, "extra": ""})
            ):
                extras = tuple(sorted(canonicalize_name(e) for e in wanted.extras))
                yield Edge(node, extras, None)

    def after(self, node: Node, extra: str) -> Iterator[Edge]:
        """The edges out of a package that hold here."""
        for edge in self.graph.edges.get((node, extra), ()):
            if self.holds(edge.marker):
                yield edge

    def reach(self, roots: Iterable[Edge]) -> Reached:
        """Everything reached from *roots*."""
        origin: dict[Node, Node | None] = {}
        followed: dict[Node, set[str]] = {}
        seen: set[tuple[Node, str]] = set()
        todo: list[tuple[Edge, Node | None]] = [(edge, None) for edge in roots]
        while todo:
            following: list[tuple[Edge, Node | None]] = []
            for edge, parent in todo:
                origin.setdefault(edge.node, parent)
                for extra in ("", *edge.extras):
                    if (edge.node, extra) not in seen:
                        seen.add((edge.node, extra))
                        after = list(self.after(edge.node, extra))
                        followed.setdefault(edge.node, set()).update(e.node[0] for e in after)
                        following += [(e, edge.node) for e in after]
            todo = following
        return Reached(origin, followed)


@dataclass(frozen=True, slots=True)
class Reached:
    """What a layer's requirements reach.

    Attributes:
        origin: each package, with what it was first reached from (None: it is
            asked for by name).
        requires: each package's direct dependencies, with the extras in use.
    """

    origin: Mapping[Node, Node | None]
    requires: Mapping[Node, set[str]]

    def path_to(self, node: Node) -> list[str]:
        """The names from a requirement down to *node*."""
        names = [node[0]]
        step = self.origin.get(node)
        while step is not None:
            names.append(step[0])
            step = self.origin.get(step)
        return names[::-1]
