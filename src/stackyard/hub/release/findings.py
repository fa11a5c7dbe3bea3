"""What keeps the ConfigMap's list from the hub, as far as the HelmRelease's file tells."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from stackyard.errors import InputError
from stackyard.hub.delivery.shape import Settings
from stackyard.hub.documents.yamltree import Items, Keys, Node, Scalar, describe, target, value
from stackyard.hub.release.find import CHART, DOING, Release, down, text
from stackyard.hub.release.finding import EDIT, Finding
from stackyard.hub.release.timeouts import timeout_findings
from stackyard.hub.visible import visible

VALUES_KEY = "values.yaml"
LIST = ("singleuser", "profileList")
# What kustomize appends to a generated name.
_HASHED = re.compile(r"-[2456789bcdfghkmt]{10}")
_STEP = re.compile(r"(?<!\\)[.\[]")


@dataclass(frozen=True)
class Source:
    """An entry of `valuesFrom`."""

    node: Keys
    kind: str
    name: str
    key: str
    path: str

    def is_ours(self, settings: Settings) -> bool:
        """Whether it names the ConfigMap, with or without kustomize's hash."""
        if self.kind != "ConfigMap" or not self.name.startswith(settings.name):
            return False
        rest = self.name[len(settings.name) :]
        return not rest or bool(_HASHED.fullmatch(rest))

    def __str__(self) -> str:
        return f"{visible(self.kind)} {visible(self.name)}"


def findings(release: Release, settings: Settings) -> tuple[Finding, ...]:
    """All that is to be said, in the order of its weight.

    Args:
        release: the HelmRelease.
        settings: the ConfigMap's name and namespace.

    Raises:
        InputError: `valuesFrom` is no list of mappings.
    """
    return (
        *_inline(release),
        *_nested(release),
        *_namespace(release, settings),
        *_ours(release, settings),
        *_others(release, settings),
        *timeout_findings(release),
    )


def sources(release: Release) -> list[Source]:
    """The entries of `valuesFrom`.

    Raises:
        InputError: it is no list of mappings.
    """
    listed = release.spec.get("valuesFrom")
    if listed is None or (isinstance(listed, Scalar) and value(listed) is None):
        return []
    if not isinstance(listed, Items):
        raise InputError(
            f"{DOING}: spec.valuesFrom is {describe(listed)}, and a list is expected",
            where=release.at(listed),
        )
    return [_source(release, node) for node in listed.items]


def _source(release: Release, node: Node) -> Source:
    keys = target(node)
    if not isinstance(keys, Keys):
        raise InputError(
            f"{DOING}: an entry of spec.valuesFrom is {describe(keys)}, and a mapping is expected",
            where=release.at(node),
        )
    kind, name, key, path = (text(keys.get(k)) for k in ("kind", "name", "valuesKey", "targetPath"))
    return Source(keys, kind, name, key or VALUES_KEY, path)


def _inline(release: Release) -> Iterator[Finding]:
    if down(release.spec, "values", *LIST) is not None:
        yield Finding(
            release.key("spec", "values", *LIST),
            "spec.values has a singleuser.profileList of its own, which wins over the "
            "ConfigMap's: lists replace each other",
            f"take it out; {EDIT}",
            mended=True,
        )


def _nested(release: Release) -> Iterator[Finding]:
    """The hub's chart as a part of another one."""
    values = release.spec.get("values")
    for key, entry in values.entries if isinstance(values, Keys) else ():
        inner = target(entry)
        if key.text not in {"singleuser", "hub"} and isinstance(inner, Keys):
            found = inner.get("singleuser")
            if isinstance(found, Keys) and release.chart != CHART:
                yield Finding(
                    release.at(key),
                    f"the hub's values are under {visible(key.text)}, because its chart is a part "
                    "of another one; the ConfigMap's are not, so they do not reach the hub",
                    "deliver the list with --format values, put under that key",
                )


def _namespace(release: Release, settings: Settings) -> Iterator[Finding]:
    node = down(release.keys, "metadata", "namespace")
    if node is not None and release.namespace and release.namespace != settings.namespace:
        yield Finding(
            release.at(node),
            f"the HelmRelease is in the namespace {release.namespace}, and the ConfigMap in "
            f"{settings.namespace}: Flux takes values from the HelmRelease's own only",
            "write the ConfigMap with --namespace of the HelmRelease",
        )


def _ours(release: Release, settings: Settings) -> Iterator[Finding]:
    named = [source for source in sources(release) if source.is_ours(settings)]
    if not named:
        yield Finding(
            release.key("spec", "valuesFrom"),
            f"spec.valuesFrom does not name the ConfigMap {settings.name}, so its list does not "
            "reach the hub",
            f"add it as the last entry; {EDIT}",
            mended=True,
        )
    for source in named[1:]:
        yield Finding(
            release.at(source.node),
            f"spec.valuesFrom names the {source} more than once",
            "keep the last of them",
        )
    for source in named:
        yield from _ours_well(release, source)


def _ours_well(release: Release, source: Source) -> Iterator[Finding]:
    if source.path:
        yield Finding(
            release.at(source.node.get("targetPath") or source.node),
            f"the {source} has the targetPath {visible(source.path)}: Flux would put the whole "
            "text there",
            "take the targetPath out",
        )
    elif source.key != VALUES_KEY:
        yield Finding(
            release.at(source.node.get("valuesKey") or source.node),
            f"the {source} is read at its key {visible(source.key)}, and has {VALUES_KEY}",
            f"set valuesKey to {VALUES_KEY}; {EDIT}",
            mended=True,
        )
    optional = source.node.get("optional")
    if isinstance(optional, Scalar) and value(optional) is True:
        yield Finding(
            release.at(optional),
            f"the {source} is optional: while it is missing, the hub has no profiles, and "
            "nothing says why",
            "take optional out, unless that is meant",
            level="note",
        )


def _others(release: Release, settings: Settings) -> Iterator[Finding]:
    listed = sources(release)
    ours = [n for n, source in enumerate(listed) if source.is_ours(settings)]
    for number, source in enumerate(listed):
        if number in ours:
            continue
        if source.path:
            steps = tuple(step.rstrip("]") for step in _STEP.split(source.path))
            if steps[:2] == LIST or steps == LIST[:1]:
                yield Finding(
                    release.at(source.node),
                    f"the {source} has the targetPath {visible(source.path)}, which wins over "
                    "all other values",
                    "take the entry out",
                )
        elif ours and number > ours[-1]:
            yield Finding(
                release.at(source.node),
                f"the {source} is merged after the profile list: if it has a "
                "singleuser.profileList, that one wins, which cannot be seen from here",
                "put the profile list's entry last",
                level="note",
            )
