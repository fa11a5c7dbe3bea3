"""The stacking order of layers, and what an image is made of."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Mapping, Sequence

On = Mapping[str, Sequence[str]]
"""For each layer, the layers that it stands on directly."""


class CycleError(ValueError):
    """Layers that stand on each other; `path` begins and ends with the same one."""

    def __init__(self, path: tuple[str, ...]) -> None:
        super().__init__(" → ".join(path))
        self.path = path


def stacking_order(on: On) -> tuple[str, ...]:
    """All layers, each after every layer it stands on, ties by name.

    This is Kahn's algorithm with a heap. The order of two layers does not
    depend on layers that neither stands on, and every image takes its layers
    in this one order, so that images share the longest prefix they can.

    Raises:
        CycleError: some stand on each other.
    """
    waits = {layer: len(set(below)) for layer, below in on.items()}
    above: dict[str, list[str]] = {layer: [] for layer in on}
    for layer, below in on.items():
        for name in set(below):
            above[name].append(layer)
    ready = [layer for layer, count in waits.items() if count == 0]
    heapq.heapify(ready)
    order: list[str] = []
    while ready:
        layer = heapq.heappop(ready)
        order.append(layer)
        for name in above[layer]:
            waits[name] -= 1
            if waits[name] == 0:
                heapq.heappush(ready, name)
    if len(order) < len(on):
        raise CycleError(_cycle(on, set(on) - set(order)))
    return tuple(order)


def closure(on: On, layers: Iterable[str]) -> frozenset[str]:
    """These layers and all that they stand on."""
    found: set[str] = set()
    waiting = list(layers)
    while waiting:
        layer = waiting.pop()
        if layer not in found:
            found.add(layer)
            waiting.extend(on[layer])
    return frozenset(found)


def _cycle(on: On, left: set[str]) -> tuple[str, ...]:
    """A cycle among layers that all wait for one another."""
    path = [min(left)]
    while True:
        below = min(name for name in on[path[-1]] if name in left)
        if below in path:
            cycle = path[path.index(below) :]
            first = cycle.index(min(cycle))
            cycle = cycle[first:] + cycle[:first]
            return (*cycle, cycle[0])
        path.append(below)
