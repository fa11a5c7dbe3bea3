"""From a stack and its lock to the steps of each image: pure, nothing is looked up.

The order of an image's layers, from the bottom: the base and the chain of accounts
and engine steps on it, package groups (most shared first), files, what finishes it.
Packages stand above the base only in the tar sense: their content depends on where
the base's Python looks, not on the base's bytes, so a new base or another system
step leaves every package blob as it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from stackyard.build.chain import Chains
from stackyard.build.configs import changes_of, told
from stackyard.build.family import Compiling, Family, family
from stackyard.build.keys import key_of
from stackyard.build.steps import (
    BaseStep,
    ConfigChanges,
    ContainerfileStep,
    FilesStep,
    ImageStep,
    Step,
)
from stackyard.lock.model import Lock
from stackyard.pack.accounts import HOME_MODE
from stackyard.pack.files import Folder, fingerprints
from stackyard.stack.values import Image, Layer, Stack, Target

_IMAGE_FORMAT = 2
"""Raise it when the same parts come to make another manifest or config."""


@dataclass
class Derived:
    """Every step by key, which image step each target ends in, and what layouts cost.

    Attributes:
        notes: for an image over its budget, what was merged and its cost.
    """

    steps: dict[str, Step] = field(default_factory=dict)
    images: dict[Target, ImageStep] = field(default_factory=dict)
    notes: dict[Target, str] = field(default_factory=dict)


def derive(
    stack: Stack, lock: Lock, targets: Iterable[Target], *, compiling: Compiling, project: str
) -> Derived:
    """The steps that the given targets consist of.

    Groups are arranged over all images of a variant, whichever targets are
    asked for: what one image's layers look like must not depend on a selection.

    Args:
        stack: the stack.
        lock: its lock.
        targets: what is asked for.
        compiling: which Python makes bytecode.
        project: tells this stack's caches from another's.

    Raises:
        InputError: a target's base is not in the lock, or a step's files cannot be used.
    """
    derived = Derived()
    chains = Chains(stack.root, project)
    families: dict[tuple[str, str, str], Family] = {}
    files: dict[tuple[str, str], FilesStep | None] = {}
    for target in targets:
        image = stack.image(target)
        place = (target.variant, image.base, target.platform)
        if place not in families:
            families[place] = family(stack, lock, *place, compiling=compiling)
        _derive_image(derived, families[place], target, image, chains, files)
    return derived


def _derive_image(
    derived: Derived,
    own: Family,
    target: Target,
    image: Image,
    chains: Chains,
    files: dict[tuple[str, str], FilesStep | None],
) -> None:
    layers = [own.variant.layers[name] for name in image.closure]
    steps = chains.chain(own, layers)
    steps += [own.groups[index] for index in own.layout.images[target.image]]
    for layer in layers:
        place = (own.base.scope, layer.name)
        if place not in files:
            files[place] = _files_step(own, layer, chains.root)
        if step := files[place]:
            steps.append(step)
    steps += chains.finish(own, layers, steps)
    image_step = _image_step(target, image, own.base, steps, layers)
    derived.steps.update((step.key, step) for step in (*steps, image_step))
    derived.images[target] = image_step
    if merged := own.layout.merged.get(target.image):
        derived.notes[target] = "; ".join(map(str, merged))


def _files_step(own: Family, layer: Layer, root: Path) -> FilesStep | None:
    if not layer.files:
        return None
    users = [own.variant.layers[name].user for name in (layer.name, *own.below[layer.name])]
    folders = {u.home.strip("/"): Folder(HOME_MODE, u.uid, u.gid) for u in users if u}
    found = fingerprints(root, layer.files, folders)
    return FilesStep(
        name=f"{layer.name}: files",
        key=key_of("files", contents=sorted(found.items())),
        scope=own.base.scope,
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
    found = {f"{prefix}.title": target.image, f"{prefix}.version": target.variant}
    if base.source.kind == "registry":
        found[f"{prefix}.base.name"] = base.source.value
        found[f"{prefix}.base.digest"] = base.locked.digest
    return found


def _image_step(
    target: Target, image: Image, base: BaseStep, steps: list[Step], layers: list[Layer]
) -> ImageStep:
    _, facts = changes_of(layers, image.labels)
    config = tuple(_config(image, steps, layers))
    annotations = _annotations(target, base)
    parts = {f"{step.kind} {step.name}": step.key for step in steps}
    return ImageStep(
        name=str(target),
        key=key_of(
            "image",
            format=_IMAGE_FORMAT,
            steps=[(step.key, step.name, step.layers) for step in steps],
            config=[part if isinstance(part, str) else told(part) for part in config],
            platform=target.platform,
            annotations=annotations,
        ),
        scope=steps[0].scope,
        needs=tuple(step.key for step in steps),
        facts=parts | facts | annotations,
        layers=image.closure,
        target=target,
        config=config,
        annotations=annotations,
    )


def _config(image: Image, steps: list[Step], layers: list[Layer]) -> Iterator[ConfigChanges | str]:
    """From the bottom: what layers say, and between them each Containerfile's step."""
    keys = {s.layers[0]: s.key for s in steps if isinstance(s, ContainerfileStep)}
    together: list[Layer] = []
    for layer in layers:
        if layer.name in keys:
            yield changes_of(together, {})[0]
            yield keys[layer.name]
            together = []
        together.append(layer)
    yield changes_of(together, image.labels)[0]
