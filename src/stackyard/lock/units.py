"""What is resolved together: the images of one variant on one bottom layer."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from stackyard.stack.values import Layer, Stack


@dataclass(frozen=True)
class Unit:
    """One resolution to make.

    Attributes:
        layers: the union of the images' closures, by name, sorted.
        images: image name to its closure.
        python: the minor version that the variant asks for, or None.
    """

    variant: str
    base: str
    layers: Mapping[str, Layer]
    images: Mapping[str, tuple[str, ...]]
    platforms: tuple[str, ...]
    python: str | None

    def closure(self, name: str) -> frozenset[str]:
        """A layer and all that it stands on."""
        seen: set[str] = set()
        todo = [name]
        while todo:
            layer = todo.pop()
            if layer not in seen and layer in self.layers:
                seen.add(layer)
                todo += self.layers[layer].on
        return frozenset(seen)

    def meeting(self, choices: Collection[Collection[str]]) -> list[str]:
        """The images that have at least one layer of each of *choices*."""
        return [
            image
            for image, closure in self.images.items()
            if all(not set(layers).isdisjoint(closure) for layers in choices)
        ]


def units(stack: Stack) -> list[Unit]:
    """Every resolution that the stack's images need, by variant, then bottom layer."""
    made = []
    for variant in stack.variants.values():
        for base in sorted({image.base for image in variant.images.values()}):
            images = {i.name: i.closure for i in variant.images.values() if i.base == base}
            names = sorted({name for closure in images.values() for name in closure})
            made.append(
                Unit(
                    variant=variant.name,
                    base=base,
                    layers={name: variant.layers[name] for name in names},
                    images=images,
                    platforms=stack.platforms,
                    python=variant.python,
                )
            )
    return made
