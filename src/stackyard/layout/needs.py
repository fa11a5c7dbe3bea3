"""Which needs say the same, and in which images they hold.

A need (L, F) holds in an image when the image has layer L and, where F is not
empty, when F is the image's fork: exactly those of its layers that contradict others
(`stackyard.lock.model.Need`). An image has with each layer all that the layer stands
on, so some needs imply others:

    (L, F) implies (M, G)  when  M is L, is in F, or is below L or below one of F,
                           and   G is empty or equal to F.

A need that implies another one of its set adds no image to it, and is dropped.
Of needs that imply each other (all that have the same F, on a layer which is in
F or below one of F: each says "exactly F") the lowest layer's is kept.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from functools import reduce
from operator import or_

from stackyard.layout import bits
from stackyard.lock.model import UNFORKED, Fork, Need, fork_of

_SHOWN = 3  # names that a group's name spells out


class Stacking:
    """The order of layers, as bit sets; a lower layer has a lower bit.

    Args:
        layers: every layer that a need may name.
        stands_on: layer to all layers below it. Layers without an entry stand on none.
    """

    def __init__(self, layers: Iterable[str], stands_on: Mapping[str, frozenset[str]]) -> None:
        none: frozenset[str] = frozenset()
        below = {layer: stands_on.get(layer, none) for layer in layers}
        for layer in none.union(*below.values()):
            below.setdefault(layer, stands_on.get(layer, none))
        self.names = sorted(below, key=lambda layer: (len(below[layer]), layer))
        self.number = {layer: number for number, layer in enumerate(self.names)}
        self.below = [bits.of(self.number[low] for low in below[name]) for name in self.names]
        self._height = [len(below[name]) for name in self.names]
        self._known: dict[Need, Need] = {}

    def height(self, needs: Iterable[Need]) -> int:
        """How far up the stack the lowest of the needs is (layers below it)."""
        return min((self._height[self.number[need.layer]] for need in needs), default=0)

    def reduce(self, needs: frozenset[Need]) -> frozenset[Need]:
        """The needs without those that imply another one; they hold in the same images.

        Equal needs of all results are one object, so that joining the results is fast.
        """
        by_fork: dict[Fork, int] = {}
        for need in needs:
            bit = 1 << self.number[need.layer]
            by_fork[need.fork] = by_fork.get(need.fork, 0) | bit
        plain = by_fork.pop((), 0)
        kept: dict[Fork, int] = {(): self._lowest(plain)}
        for fork, layers in by_fork.items():
            kept[fork] = self._reduce_fork(fork, layers, plain)
        return frozenset(
            self._known.setdefault(need, need)
            for fork, layers in kept.items()
            for need in (Need(self.names[number], fork) for number in bits.members(layers))
        )

    def _reduce_fork(self, fork: Fork, layers: int, plain: int) -> int:
        implied = self._down(fork)
        if implied & plain:
            return 0
        if exactly := layers & implied:
            return exactly & -exactly
        lowest = self._lowest(layers)
        return bits.of(n for n in bits.members(lowest) if not (1 << n | self.below[n]) & plain)

    def _lowest(self, layers: int) -> int:
        below = self.below
        return bits.of(number for number in bits.members(layers) if not below[number] & layers)

    def _down(self, layers: Fork) -> int:
        numbers = [self.number[layer] for layer in layers if layers != UNFORKED]
        return reduce(or_, (1 << number | self.below[number] for number in numbers), 0)


class Holdings:
    """In which images needs hold, as bit sets of the images' places in the mapping."""

    def __init__(self, images: Mapping[str, frozenset[str]], forked: frozenset[str]) -> None:
        self._layers: dict[str, int] = {}
        self._forks: dict[Fork, int] = {}
        for number, closure in enumerate(images.values()):
            bit = 1 << number
            for layer in closure:
                self._layers[layer] = self._layers.get(layer, 0) | bit
            fork = fork_of(closure, forked)
            self._forks[fork] = self._forks.get(fork, 0) | bit

    def images(self, needs: Iterable[Need]) -> int:
        """The images in which any of the needs holds."""
        return reduce(or_, map(self._of_one, needs), 0)

    def _of_one(self, need: Need) -> int:
        images = self._layers.get(need.layer, 0)
        return images & self._forks.get(need.fork, 0) if need.fork else images


def name_of(needs: Iterable[Need]) -> str:
    """A group's name: ``geo+ml``; ``science[old]`` for science where `old` forked it."""
    return shorten("+", [_one_name(need) for need in needs])


def _one_name(need: Need) -> str:
    if not need.fork:
        return need.layer
    return f"{need.layer}[{'unforked' if need.fork == UNFORKED else ','.join(need.fork)}]"


def shorten(separator: str, names: Iterable[str]) -> str:
    """The sorted names joined; when many, the first and a hash that stands for all."""
    names = sorted(names)
    if len(names) <= _SHOWN:
        return separator.join(names)
    digest = hashlib.sha256("\n".join(names).encode()).hexdigest()[:8]
    return f"{separator.join(names[:2])}{separator}{len(names) - 2} more ({digest})"
