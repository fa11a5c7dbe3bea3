"""The hub's HelmRelease in a file."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from stackyard.errors import InputError, Position
from stackyard.hub.documents.yamltree import Items, Keys, Node, Scalar, Tree, target
from stackyard.hub.visible import visible

DOING = "reading the HelmRelease"
CHART = "jupyterhub"
_GROUP = "helm.toolkit.fluxcd.io/"


@dataclass(frozen=True)
class Release:
    """A HelmRelease.

    Attributes:
        tree: the file.
        path: what leads to it: the document's index, then keys and indices.
        keys: the HelmRelease.
        spec: its `spec`.
        name: its name.
        namespace: its namespace, empty when the file does not say.
        chart: the chart's name, empty when the file does not say.
    """

    tree: Tree
    path: tuple[str | int, ...]
    keys: Keys
    spec: Keys
    name: str
    namespace: str
    chart: str

    @property
    def where(self) -> Position:
        """Its place."""
        return self.tree.where(self.keys)

    def at(self, node: Node) -> Position:
        """The place of one of its nodes."""
        return self.tree.where(node)

    def key(self, *path: str) -> Position:
        """The place of a key, or of the last one on the way to it that is there."""
        keys: Node = self.keys
        place: Node = keys
        for name in path:
            entry = keys.entry(name) if isinstance(keys, Keys) else None
            if entry is None:
                break
            place, keys = entry[0], target(entry[1])
        return self.tree.where(place)


def find_release(tree: Tree, name: str | None = None) -> Release:
    """The HelmRelease of the chart jupyterhub, the one of that name, or the only one.

    Args:
        tree: the file's documents.
        name: `NAME` or `NAMESPACE/NAME`, or None.

    Raises:
        InputError: there is none, or several.
    """
    found = list(_releases(tree))
    if not found:
        raise InputError(
            f"{DOING}: there is none of {_GROUP}v2 in the file; found: {_kinds(tree)}",
            where=Position(tree.name),
            hint="name the file that has the hub's HelmRelease",
        )
    if name is not None:
        fit = [each for each in found if name in {each.name, f"{each.namespace}/{each.name}"}]
    else:
        fit = [each for each in found if each.chart == CHART]
        fit = fit or [each for each in found if not each.chart] or found
    if len(fit) == 1:
        return fit[0]
    told = ", ".join(f"{_named(each)} (line {each.where.line})" for each in fit or found)
    what = f"there are {len(fit)}" if fit else f"none is called {visible(name)}; there are"
    raise InputError(
        f"{DOING}: {what}: {told}",
        where=Position(tree.name),
        hint="say which with --release NAME",
    )


def text(node: Node | None) -> str:
    """A scalar's text; empty for anything else."""
    return node.text if isinstance(node, Scalar) else ""


def down(keys: Keys, *path: str) -> Node | None:
    """What a path of keys leads to, aliases and merges followed."""
    node: Node | None = keys
    for key in path:
        node = node.get(key) if isinstance(node, Keys) else None
    return node


def _releases(tree: Tree) -> Iterator[Release]:
    for path, keys in _objects(tree):
        if text(keys.get("kind")) != "HelmRelease":
            continue
        if not text(keys.get("apiVersion")).startswith(_GROUP):
            continue
        spec = keys.get("spec")
        if not isinstance(spec, Keys):
            raise InputError(f"{DOING}: it has no spec", where=tree.where(keys))
        name, namespace = (visible(text(down(keys, "metadata", k))) for k in ("name", "namespace"))
        yield Release(tree, path, keys, spec, name, namespace, _chart(spec, tree))


def _objects(tree: Tree) -> Iterator[tuple[tuple[str | int, ...], Keys]]:
    """Kubernetes' objects, those of a List among them."""
    for number, document in enumerate(map(target, tree.documents)):
        if not isinstance(document, Keys):
            continue
        items = document.get("items")
        if text(document.get("kind")).endswith("List") and isinstance(items, Items):
            for index, item in enumerate(map(target, items.items)):
                if isinstance(item, Keys):
                    yield (number, "items", index), item
        else:
            yield (number,), document


def _chart(spec: Keys, tree: Tree) -> str:
    """The chart's name, from its own place or from what `chartRef` names in the same file."""
    if named := text(down(spec, "chart", "spec", "chart")):
        return _last(named)
    kind, name = (text(down(spec, "chartRef", key)) for key in ("kind", "name"))
    for _, keys in _objects(tree):
        if (text(keys.get("kind")), text(down(keys, "metadata", "name"))) == (kind, name):
            chart = text(down(keys, "spec", "chart")) or text(down(keys, "spec", "url"))
            return _last(chart)
    return CHART if name == CHART else ""


def _last(path: str) -> str:
    return visible(path.rstrip("/").rpartition("/")[2])


def _named(release: Release) -> str:
    name = "/".join(filter(None, (release.namespace, release.name))) or "one without a name"
    return f"{name} of the chart {release.chart}" if release.chart else name


def _kinds(tree: Tree) -> str:
    kinds = []
    for _, keys in _objects(tree):
        version, kind = text(keys.get("apiVersion")), text(keys.get("kind"))
        kinds.append(visible(f"{version} {kind}".strip(), 80) or "a mapping")
    return ", ".join(dict.fromkeys(kinds)) or "nothing of Kubernetes'"
