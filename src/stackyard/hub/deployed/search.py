"""Where profile lists stand in YAML and JSON: values, Kubernetes' objects, or nothing around."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator
from dataclasses import dataclass

from stackyard.errors import InputError, Position
from stackyard.hub.deployed.found import Found
from stackyard.hub.deployed.shape import as_profiles
from stackyard.hub.documents.yamlreader import MAX_TEXT, parse
from stackyard.hub.documents.yamltree import Items, Keys, Node, Scalar, Tree, Use, target, value
from stackyard.hub.visible import visible

LISTS = {"singleuser": "profileList", "KubeSpawner": "profile_list"}
"""What holds a list: the chart's values, and KubeSpawner's own configuration."""

_FLUX = "helm.toolkit.fluxcd.io/"


class Search:
    """Finds the lists of a file's documents, each with what it stands in."""

    def __init__(self, tree: Tree, doing: str) -> None:
        self._tree = tree
        self._doing = doing
        self._read = 0

    def lists(self) -> list[Found]:
        """All that there are.

        Raises:
            InputError: a list that is none.
        """
        return [found for document in self._tree.documents for found in self._document(document)]

    def _document(self, node: Node) -> Iterator[Found]:
        match target(node):
            case Items() as items if _looks_like_profiles(items.items):
                yield self._found(items, "the file's list")
            case Items() as items if not items.items:
                yield self._found(items, "the file's list")
            case Items() as items:
                for item in items.items:
                    yield from self._document(item)
            case Keys() as keys if keys.entries and _looks_like_profiles(
                [entry for _, entry in keys.entries]
            ):
                yield self._found(keys, "the file's mapping of profiles")
            case Keys() as keys:
                yield from self._mapping(keys)

    def _mapping(self, keys: Keys) -> Iterator[Found]:
        kind = _text(keys.get("kind"))
        if kind in {"ConfigMap", "Secret"}:
            yield from self._object(keys, kind)
        elif kind == "HelmRelease" and _text(keys.get("apiVersion")).startswith(_FLUX):
            yield from self._values(_down(keys, "spec", "values"), f"{_named(keys)}, spec.values")
        elif kind == "Application":
            yield from self._argo(keys)
        elif kind.endswith("List") and isinstance(items := keys.get("items"), Items):
            for item in items.items:
                yield from self._document(item)
        else:
            yield from self._values(keys, "")

    def _object(self, keys: Keys, kind: str) -> Iterator[Found]:
        for part in ("data", "stringData"):
            data = keys.get(part)
            for key, entry in data.entries if isinstance(data, Keys) else ():
                node = target(entry)
                if isinstance(node, Scalar):
                    text = node.text
                    if kind == "Secret" and part == "data":
                        text = _decoded(text)
                    yield from self._inner(text, node, f"{_named(keys)}, key {visible(key.text)}")

    def _argo(self, keys: Keys) -> Iterator[Found]:
        spec = keys.get("spec")
        sources: list[Node] = []
        if isinstance(spec, Keys):
            more = spec.get("sources")
            sources = [*(more.items if isinstance(more, Items) else ())]
            sources += [source] if (source := spec.get("source")) else []
        for each in map(target, sources):
            helm = each.get("helm") if isinstance(each, Keys) else None
            if isinstance(helm, Keys):
                told = f"{_named(keys)}, helm."
                yield from self._values(helm.get("valuesObject"), f"{told}valuesObject")
                if isinstance(text := helm.get("values"), Scalar):
                    yield from self._inner(text.text, text, f"{told}values")

    def _inner(self, text: str, node: Scalar, what: str) -> Iterator[Found]:
        """The lists of a text that is itself YAML; what is no YAML has none."""
        if not any(word in text for word in LISTS.values()):
            return
        self._read += len(text)
        if self._read > MAX_TEXT:
            raise InputError(
                f"{self._doing}: more than {MAX_TEXT:,} characters of values",
                where=self._tree.where(node),
            )
        try:
            tree = parse(text, self._tree.name, self._doing)
        except InputError as error:
            inner = f" in its line {error.where.line}" if error.where else ""
            raise InputError(
                f"{error.message}{inner} ({what})", where=self._tree.where(node)
            ) from None
        within = _Inside(tree, self._tree.where(node), lines=node.style in {"|", ">"})
        for document in tree.documents:
            yield from self._values(document, what, "", within)

    def _values(
        self, node: Node | None, what: str, above: str = "", inside: _Inside | None = None
    ) -> Iterator[Found]:
        """The lists in values, also in those of a chart that has the hub's as a part."""
        keys = node and target(node)
        if not isinstance(keys, Keys):
            return
        for key, entry in keys.entries:
            holder = target(entry)
            name = LISTS.get(key.text)
            path = f"{above}{visible(key.text)}"
            listed = holder.get(name) if name and isinstance(holder, Keys) else None
            if listed is not None:
                told = ", ".join(filter(None, (what, f"{path}.{name}")))
                yield self._found(listed, told, inside)
            elif not isinstance(entry, Use):
                yield from self._values(holder, what, f"{path}.", inside)

    def _found(self, node: Node, what: str, inside: _Inside | None = None) -> Found:
        where = inside.at(node) if inside else self._tree.where(node)
        return Found(as_profiles(value(node), what, where, self._doing), what, where)


@dataclass(frozen=True)
class _Inside:
    """A text of YAML in a file of YAML.

    Attributes:
        tree: the text's.
        where: the text's place in the file.
        lines: whether its lines are lines of the file, below that place.
    """

    tree: Tree
    where: Position
    lines: bool

    def at(self, node: Node) -> Position:
        if not self.lines:
            return self.where
        return Position(self.where.file, self.where.line + self.tree.where(node).line)


def describe(tree: Tree) -> str:
    """What a file has instead of a list, for messages."""
    told = [_described(document) for document in tree.documents]
    if not told:
        return "nothing"
    more = f", and {len(told) - 5} more" if len(told) > 5 else ""
    return ", ".join(told[:5]) + more


def _described(node: Node) -> str:
    match target(node):
        case Keys() as keys if kind := _text(keys.get("kind")):
            return f"a {visible(kind, 30)}"
        case Keys() as keys:
            names = ", ".join(visible(key.text, 30) for key, _ in keys.entries[:4])
            return f"a mapping with {names}" if names else "an empty mapping"
        case Items():
            return "a list of other things"
        case _:
            return "a text"


def _looks_like_profiles(nodes: list[Node] | tuple[Node, ...]) -> bool:
    mappings = [node for node in map(target, nodes) if isinstance(node, Keys)]
    return len(mappings) == len(nodes) > 0 and any(m.get("display_name") for m in mappings)


def _down(keys: Keys, *path: str) -> Node | None:
    node: Node | None = keys
    for name in path:
        node = node.get(name) if isinstance(node, Keys) else None
    return node


def _text(node: Node | None) -> str:
    return node.text if isinstance(node, Scalar) else ""


def _named(keys: Keys) -> str:
    metadata = keys.get("metadata")
    found = (
        [metadata.get(key) for key in ("namespace", "name")] if isinstance(metadata, Keys) else []
    )
    name = "/".join(filter(None, map(_text, found)))
    return visible(f"{_text(keys.get('kind'))} {name}")


def _decoded(text: str) -> str:
    try:
        return base64.b64decode(text, validate=False).decode()
    except (binascii.Error, ValueError):
        return ""
