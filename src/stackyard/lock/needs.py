"""Which layers need which package, on each platform and in each fork."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from stackyard.lock.graph import Graph, Node, Reached, View
from stackyard.lock.model import Fork, Need, fork_of
from stackyard.lock.requirements import Lines
from stackyard.lock.targets import Goal
from stackyard.lock.units import Unit


@dataclass
class Found:
    """What is known of one package on one platform.

    Attributes:
        layers: layer to the forks in which it needs the package.
        path: the requirements that lead to it, from a layer: for messages.
    """

    layers: dict[str, set[Fork]] = field(default_factory=dict)
    requires: set[str] = field(default_factory=set)
    requested: bool = False
    path: tuple[str, list[str]] = ("", [])


Reach = Mapping[Node, Found]


def forks(unit: Unit, forked: frozenset[str]) -> dict[str, set[Fork]]:
    """The forks in which each layer can be: its images' and its own."""
    out = {name: {fork_of(unit.closure(name), forked)} for name in unit.layers}
    for closure in unit.images.values():
        fork = fork_of(closure, forked)
        for name in closure:
            out[name].add(fork)
    return out


def reach(
    graph: Graph,
    goal: Goal,
    lines: Lines,
    groups: Mapping[str, str],
    possible: Mapping[str, set[Fork]],
) -> Reach:
    """What every layer's requirements reach on one platform.

    Args:
        graph: what uv resolved.
        goal: the platform.
        lines: the layers' requirements.
        groups: layer to its group in *graph*.
        possible: what `forks` gave.
    """
    found: dict[Node, Found] = {}
    contradicting = {groups[name] for f in possible.values() for fork in f for name in fork if name}
    for fork in sorted({fork for forks in possible.values() for fork in forks}):
        active = {groups[name] for name in fork if name}
        view = View(graph, goal.environment, active, contradicting)
        for layer, asked in lines.items():
            if asked and fork in possible[layer]:
                _add(found, layer, fork, view.reach(view.roots(groups[layer], asked)))
    return found


def _add(found: dict[Node, Found], layer: str, fork: Fork, reached: Reached) -> None:
    for node, parent in reached.origin.items():
        known = found.setdefault(node, Found())
        known.layers.setdefault(layer, set()).add(fork)
        known.requires |= reached.requires[node]
        known.requested = known.requested or parent is None
        known.path = known.path if known.path[0] else (layer, reached.path_to(node))


def needs(found: Found, possible: Mapping[str, set[Fork]]) -> tuple[Need, ...]:
    """The needs of one package on one platform, sorted."""
    out: list[Need] = []
    for layer, in_forks in found.layers.items():
        if in_forks == possible[layer]:
            out.append(Need(layer))
        else:
            out += [Need(layer, fork) for fork in in_forks]
    return tuple(sorted(out))
