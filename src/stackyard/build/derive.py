"""From a stack and its lock to the steps of each image: pure, nothing is looked up.

The order of an image's layers, from the bottom: base, accounts, package groups
(most shared first), files. Packages stand above the base only in the tar sense:
their content depends on where the base's Python looks, not on the base's bytes,
so a new base leaves every package blob as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from stackyard.build.configs import changes_of
from stackyard.build.keys import key_of
from stackyard.build.steps import (
    AccountsStep,
    BaseStep,
    FilesStep,
    GroupStep,
    ImageStep,
    Step,
)
from stackyard.build.wheels import wheel_task
from stackyard.errors import InputError
from stackyard.inventory.facts import PythonFacts
from stackyard.layout.arrange import arrange
from stackyard.layout.values import Group, Item, Layout
from stackyard.lock.model import Lock, LockedBase, LockedPackage, Resolution
from stackyard.pack.accounts import HOME_MODE
from stackyard.pack.files import Folder, fingerprints
from stackyard.pack.task import segment_key
from stackyard.stack.values import Image, Layer, Stack, Target, User, Variant


@dataclass(frozen=True)
class Compilers:
    """What makes bytecode on this machine, for a base and a platform.

    Attributes:
        any: whether anything does.
        own: whether the base's own Python does.
    """

    any: Callable[[LockedBase, str], bool]
    own: Callable[[LockedBase, str], bool]


@dataclass
class Derived:
    """Every step by key, which image step each target ends in, and what layouts cost.

    Attributes:
        notes: for an image over its budget, what was merged and its cost.
    """

    steps: dict[str, Step] = field(default_factory=dict)
    images: dict[Target, ImageStep] = field(default_factory=dict)
    notes: dict[Target, str] = field(default_factory=dict)


def derive(stack: Stack, lock: Lock, targets: Iterable[Target], *, compilers: Compilers) -> Derived:
    """The steps that the given targets consist of.

    Groups are arranged over all images of a variant, whichever targets are
    asked for: what one image's layers look like must not depend on a selection.

    Raises:
        InputError: a target's base is not in the lock, or a layer has steps that
            need a container engine.
    """
    derived = Derived()
    lines: dict[tuple[str, str, str], _Line] = {}
    files: dict[tuple[str, str], FilesStep | None] = {}
    for target in targets:
        image = stack.image(target)
        place = (target.variant, image.base, target.platform)
        if place not in lines:
            lines[place] = _line(stack, lock, *place, compilers=compilers)
        _derive_image(derived, lines[place], target, image, stack.root, files)
    return derived


@dataclass(frozen=True)
class _Line:
    """What the images of one variant on one base and platform have in common."""

    variant: Variant
    base: BaseStep
    layout: Layout
    groups: tuple[GroupStep, ...]
    below: Mapping[str, frozenset[str]]


def _line(
    stack: Stack, lock: Lock, variant_name: str, base: str, platform: str, *, compilers: Compilers
) -> _Line:
    variant = stack.variants[variant_name]
    resolution = lock.resolutions.get((variant_name, base))
    locked = resolution.bases.get(platform) if resolution else None
    if resolution is None or locked is None:
        raise InputError(
            f"the lock has nothing for variant {variant_name} on {platform}",
            hint="run `stackyard lock`",
        )
    scope = f"{variant_name} {platform}"
    packages = [p for p in resolution.packages if platform in p.wheels]
    below = _stands_on(variant.layers)
    layout = _arrange(stack, variant, below, resolution, packages, platform)
    base_step = _base_step(variant.layers[base], locked, platform, scope)
    packer = _Packer(
        scope,
        platform,
        locked.python,
        compiled_by=locked.python.minor
        if stack.bytecode and compilers.any(locked, platform)
        else None,
        compiler_base=base_step.key if compilers.own(locked, platform) else None,
    )
    by_id = {_item_id(p, platform): p for p in packages}
    return _Line(
        variant,
        base_step,
        layout,
        tuple(packer.step(group, by_id) for group in layout.groups),
        below,
    )


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
    """How many OCI layers of an image hold accounts or files."""
    layers = [variant.layers[name] for name in image.closure]
    return sum(bool(layer.files) for layer in layers) + any(layer.user for layer in layers)


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
            apt=sorted(layer.apt),
            digest=locked.digest,
        ),
        scope=scope,
        facts={"base": str(layer.base), "python": locked.python.version}
        | ({"digest": locked.digest} if not locked.debs else dict(locked.debs)),
        layers=(layer.name,),
        source=layer.base,
        platform=platform,
        apt=layer.apt,
        locked=locked,
    )


@dataclass
class _Packer:
    """Turns groups into steps; a package that stands in many groups is keyed once."""

    scope: str
    platform: str
    python: PythonFacts
    compiled_by: str | None
    compiler_base: str | None
    _keys: dict[str, str] = field(default_factory=dict)

    def step(self, group: Group, by_id: Mapping[str, LockedPackage]) -> GroupStep:
        packages = tuple(by_id[item.id] for item in group.items)
        return GroupStep(
            name=group.name,
            key=key_of("packages", segments=[self._key(i.id, by_id[i.id]) for i in group.items]),
            scope=self.scope,
            facts={p.name: p.version for p in packages}
            | {
                "(wheels for)": f"python {self.python.minor} in /{self.python.scheme.purelib}",
                "(bytecode)": self.compiled_by or "none",
            },
            layers=tuple(sorted({need.layer for need in group.needs})),
            packages=packages,
            platform=self.platform,
            python=self.python,
            compiled_by=self.compiled_by,
            compiler_base=self.compiler_base,
        )

    def _key(self, id_: str, package: LockedPackage) -> str:
        if id_ not in self._keys:
            task = wheel_task(package, self.platform, self.python, self.compiled_by)
            self._keys[id_] = segment_key(task)
        return self._keys[id_]


def _derive_image(
    derived: Derived,
    line: _Line,
    target: Target,
    image: Image,
    root: Path,
    files: dict[tuple[str, str], FilesStep | None],
) -> None:
    layers = [line.variant.layers[name] for name in image.closure]
    _refuse_engine_steps(layers, target)
    scope = line.base.scope
    steps: list[Step] = [line.base]
    if accounts := _accounts_step(line.base, layers):
        steps.append(accounts)
    steps += [line.groups[index] for index in line.layout.images[target.image]]
    for layer in layers:
        place = (scope, layer.name)
        if place not in files:
            files[place] = _files_step(line, layer, root)
        if step := files[place]:
            steps.append(step)
    image_step = _image_step(target, image, line.base, steps, layers)
    derived.steps.update((step.key, step) for step in (*steps, image_step))
    derived.images[target] = image_step
    if merged := line.layout.merged.get(target.image):
        derived.notes[target] = "; ".join(map(str, merged))


def _refuse_engine_steps(layers: list[Layer], target: Target) -> None:
    for layer in layers:
        if layer.engine_steps:
            raise InputError(
                f"layer {layer.name} of {target} has {', '.join(sorted(layer.engine_steps))}: "
                "steps that need a container engine cannot be built yet",
                where=layer.where,
                hint="move apt packages to the bottom layer, or leave the image out by naming "
                "the targets to build",
            )


def _accounts_step(base: BaseStep, layers: list[Layer]) -> AccountsStep | None:
    users: tuple[User, ...] = tuple(dict.fromkeys(la.user for la in layers if la.user))
    if not users:
        return None
    described = {u.name: f"{u.uid}:{u.gid} {u.home} {u.shell}" for u in users}
    return AccountsStep(
        name=", ".join(described),
        key=key_of("accounts", base=base.key, users=list(described.items())),
        scope=base.scope,
        needs=(base.key,),
        facts=described | {"base": base.facts["base"]},
        layers=tuple(la.name for la in layers if la.user),
        users=users,
    )


def _files_step(line: _Line, layer: Layer, root: Path) -> FilesStep | None:
    if not layer.files:
        return None
    users = [line.variant.layers[name].user for name in (layer.name, *line.below[layer.name])]
    folders = {u.home.strip("/"): Folder(HOME_MODE, u.uid, u.gid) for u in users if u}
    found = fingerprints(root, layer.files, folders)
    return FilesStep(
        name=f"{layer.name}: files",
        key=key_of("files", contents=sorted(found.items())),
        scope=line.base.scope,
        facts=found,
        layers=(layer.name,),
        entries=layer.files,
        folders=folders,
    )


def _annotations(target: Target, base: BaseStep) -> dict[str, str]:
    """What the image specification has names for, as far as it decides nothing else.

    https://github.com/opencontainers/image-spec/blob/main/annotations.md
    """
    prefix = "org.opencontainers.image"
    found = {
        f"{prefix}.title": target.image,
        f"{prefix}.version": target.variant,
        f"{prefix}.base.name": base.source.value,
    }
    if base.source.kind in ("registry", "oci"):
        found[f"{prefix}.base.digest"] = base.locked.digest
    return found


def _image_step(
    target: Target, image: Image, base: BaseStep, steps: list[Step], layers: list[Layer]
) -> ImageStep:
    changes, facts = changes_of(image, layers)
    annotations = _annotations(target, base)
    parts = {f"{step.kind} {step.name}": step.key for step in steps}
    return ImageStep(
        name=str(target),
        key=key_of(
            "image",
            steps=[(step.key, step.name, step.layers) for step in steps],
            config=facts,
            platform=target.platform,
            annotations=annotations,
        ),
        scope=steps[0].scope,
        needs=tuple(step.key for step in steps),
        facts=parts | facts | annotations,
        layers=image.closure,
        target=target,
        config=changes,
        annotations=annotations,
    )
