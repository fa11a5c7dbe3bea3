"""Families: the images of one variant on one base, for one platform.

They have the base in common, the Python that their packages are for, and one layout
of all their packages into groups.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from stackyard.build.keys import key_of
from stackyard.build.steps import BaseStep, GroupStep
from stackyard.build.wheels import wheel_task
from stackyard.errors import InputError
from stackyard.inventory.facts import PythonFacts
from stackyard.layout.arrange import arrange
from stackyard.layout.values import Group, Item, Layout
from stackyard.lock.model import Lock, LockedBase, LockedPackage, Resolution
from stackyard.pack.task import segment_key
from stackyard.stack.values import Image, Layer, Stack, Variant

Compiling = Callable[[LockedBase, str], Literal["own", "local"] | None]
"""Which Python makes bytecode for a base and a platform: the base's own, one of this
machine, or none."""


@dataclass(frozen=True)
class Family:
    """What its images have in common.

    Attributes:
        groups: as in the layout, which knows the groups of each image.
        below: layer to all layers below it, at any distance.
    """

    variant: Variant
    base: BaseStep
    layout: Layout
    groups: tuple[GroupStep, ...]
    below: Mapping[str, frozenset[str]]


def family(
    stack: Stack,
    lock: Lock,
    variant_name: str,
    base: str,
    platform: str,
    *,
    compiling: Compiling,
) -> Family:
    """The images of a variant on a bottom layer.

    Raises:
        InputError: the lock does not have them.
    """
    variant = stack.variants[variant_name]
    resolution = lock.resolutions.get((variant_name, base))
    locked = resolution.bases.get(platform) if resolution else None
    if resolution is None or locked is None:
        raise InputError(
            f"the lock has nothing for variant {variant_name} on {platform}",
            hint="run `stackyard lock`",
        )
    packages = [p for p in resolution.packages if platform in p.wheels]
    below = _stands_on(variant.layers)
    layout = _arrange(stack, variant, below, resolution, packages, platform)
    step = _base_step(variant.layers[base], locked, platform, f"{variant_name} {platform}")
    compiler = compiling(locked, platform) if stack.bytecode else None
    if locked.python is None:
        # Without a Python there are no packages either.
        return Family(variant, step, layout, (), below)
    packer = _Packer(step, locked.python, compiler, {_item_id(p, platform): p for p in packages})
    return Family(variant, step, layout, tuple(map(packer.step, layout.groups)), below)


def _item_id(package: LockedPackage, platform: str) -> str:
    return f"{package.name}=={package.version} {package.wheels[platform].sha256}"


def _arrange(
    stack: Stack,
    variant: Variant,
    below: Mapping[str, frozenset[str]],
    resolution: Resolution,
    packages: list[LockedPackage],
    platform: str,
) -> Layout:
    base_layers = resolution.bases[platform].layers
    images = {
        name: image for name, image in variant.images.items() if image.base == resolution.base
    }
    return arrange(
        [
            Item(
                id=_item_id(p, platform),
                name=p.name,
                size=p.wheels[platform].size,
                needs=frozenset(p.needs),
            )
            for p in packages
        ],
        {name: frozenset(image.closure) for name, image in images.items()},
        below,
        frozenset(resolution.forked),
        limit={
            name: max(1, stack.layer_budget - base_layers - _own_layers(variant, image))
            for name, image in images.items()
        },
    )


def _own_layers(variant: Variant, image: Image) -> int:
    """How many OCI layers of an image hold something else than packages, at the most."""
    layers = [variant.layers[name] for name in image.closure]
    return sum(
        bool(layer.files)
        + bool(layer.user)
        + bool(layer.apt and not layer.bootstrapped)
        + bool(layer.containerfile)
        + bool(layer.run or layer.script)
        + bool(layer.finish)
        for layer in layers
    )


def _stands_on(layers: Mapping[str, Layer]) -> dict[str, frozenset[str]]:
    """For each layer all layers below it."""
    below: dict[str, frozenset[str]] = {}

    def visit(name: str) -> frozenset[str]:
        if name not in below:
            on = layers[name].on
            below[name] = frozenset(on).union(*(visit(under) for under in on))
        return below[name]

    for name in layers:
        visit(name)
    return below


def _base_step(layer: Layer, locked: LockedBase, platform: str, scope: str) -> BaseStep:
    if layer.base is None:
        raise InputError(f"layer {layer.name} has no base", where=layer.where)
    return BaseStep(
        name=str(layer.base),
        key=key_of(
            "base",
            source=str(layer.base),
            platform=platform,
            apt=sorted(layer.bootstrapped),
            digest=locked.digest,
        ),
        scope=scope,
        facts={"base": str(layer.base)}
        | ({"python": locked.python.version} if locked.python else {})
        | ({"digest": locked.digest} if not locked.debs else dict(locked.debs)),
        layers=(layer.name,),
        source=layer.base,
        platform=platform,
        apt=layer.bootstrapped,
        locked=locked,
    )


@dataclass
class _Packer:
    """Turns groups into steps; a package that stands in many groups is keyed once."""

    base: BaseStep
    python: PythonFacts
    compiler: Literal["own", "local"] | None
    packages: Mapping[str, LockedPackage]
    _keys: dict[str, str] = field(default_factory=dict)

    def step(self, group: Group) -> GroupStep:
        python = self.python
        packages = tuple(self.packages[item.id] for item in group.items)
        return GroupStep(
            name=group.name,
            key=key_of("packages", segments=[self._key(item.id) for item in group.items]),
            scope=self.base.scope,
            facts={p.name: p.version for p in packages}
            | {
                "(wheels for)": f"python {python.minor} in /{python.scheme.purelib}",
                "(bytecode)": "yes" if self.compiler else "none",
            },
            layers=tuple(sorted({need.layer for need in group.needs})),
            packages=packages,
            platform=self.base.platform,
            python=python,
            bytecode=self.compiler is not None,
            compiler_base=self.base.key if self.compiler == "own" else None,
        )

    def _key(self, id_: str) -> str:
        if id_ not in self._keys:
            task = wheel_task(
                self.packages[id_],
                self.base.platform,
                self.python,
                bytecode=self.compiler is not None,
            )
            self._keys[id_] = segment_key(task)
        return self._keys[id_]
