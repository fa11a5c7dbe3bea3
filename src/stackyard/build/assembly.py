"""Putting an image together from what its steps made."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from stackyard.build.chain import BELOW
from stackyard.build.clashes import refuse_clashes
from stackyard.build.configs import apply
from stackyard.build.intruders import refuse_intruders
from stackyard.build.results import Made, blob_sizes
from stackyard.build.steps import AptStep, EngineStep, GroupStep, ImageStep, Step
from stackyard.oci.assemble import assemble
from stackyard.oci.descriptor import Platform
from stackyard.oci.documents import canonical
from stackyard.oci.image import History, RuntimeConfig, read_settings
from stackyard.oci.layer import Layer
from stackyard.oci.store import Store
from stackyard.stack.packages import deb_name
from stackyard.system.settings import with_settings

KEY_LABEL = "io.stackyard.key"
LAYERS_LABEL = "io.stackyard.layers"
REVISION_LABEL = "org.opencontainers.image.revision"
STEP_ANNOTATION = "io.stackyard.step"
"""Of a layer in a manifest: the key of the step that made it."""
SIZE_ANNOTATION = "io.stackyard.size"
"""Of a layer in a manifest: its archive's length, not compressed."""
STEPS_ANNOTATION = "io.stackyard.steps"
"""Of a manifest: what its engine steps made beside layers, by key, as JSON."""

CREATED = datetime.fromtimestamp(0, UTC)
"""Images are the same whenever they are built, so their date tells nothing."""


def assemble_image(
    store: Store, step: ImageStep, parts: Sequence[tuple[Step, Made]], revision: str
) -> Made:
    """Write the image's config and manifest.

    Args:
        store: has the blobs of all parts.
        step: the image.
        parts: what its steps made, from the bottom, the base first.
        revision: of the stack's repository, for a label; empty when unknown. No part of
            the key: an image that was built at an earlier commit stays what it is.

    Raises:
        InputError: two of its packages, or a package and a step, have the same path.
        OutsideError: a blob is missing, or the disk is full.
    """
    groups = [part for part, _ in parts if isinstance(part, GroupStep)]
    refuse_clashes(store, step, groups)
    engine = [(part, made) for part, made in parts if isinstance(part, EngineStep)]
    refuse_intruders(store, step, groups, engine)
    bottom = parts[0][1].manifest
    if bottom is None:
        raise TypeError(f"{step.name} does not start with a base")
    config, history = read_settings(store, bottom)
    below = iter(parts[0][1].layers)
    layers: list[tuple[Layer | None, History]] = [
        (None if entry.empty_layer else _marked(next(below), parts[0][0]), entry)
        for entry in history
    ]
    for part, made in parts[1:]:
        layers += [(_marked(layer, part), _history(part, made)) for layer in made.layers]
    config = _config(config, step, {part.key: made for part, made in parts})
    layers += [(None, History(created_by=line, empty_layer=True)) for line in _settings(config)]
    labels = {
        **step.annotations,
        **config.labels,
        KEY_LABEL: step.key,
        LAYERS_LABEL: " ".join(step.layers),
    }
    if revision:
        labels[REVISION_LABEL] = revision
    manifest = assemble(
        store,
        platform=Platform.parse(step.target.platform),
        layers=layers,
        config=replace(config, labels=labels),
        annotations={
            **step.annotations,
            KEY_LABEL: step.key,
            STEPS_ANNOTATION: canonical(_beside_layers(parts)).decode(),
        },
        created=CREATED,
    )
    return Made(manifest=manifest, blobs=blob_sizes(store, manifest))


def _beside_layers(parts: Sequence[tuple[Step, Made]]) -> dict[str, Any]:
    return {
        part.key: {"settings": dict(made.settings), "debs": dict(made.debs)}
        for part, made in parts
        if isinstance(part, EngineStep)
    }


def _marked(layer: Layer, step: Step) -> Layer:
    """A layer that says which step made it, so that a registry can be asked for that."""
    annotations = {STEP_ANNOTATION: step.key, SIZE_ANNOTATION: str(layer.size)}
    return replace(layer, descriptor=replace(layer.descriptor, annotations=annotations))


def _config(config: RuntimeConfig, step: ImageStep, made: Mapping[str, Made]) -> RuntimeConfig:
    for part in step.config:
        if isinstance(part, str):
            config = with_settings(config, made[part].settings)
        else:
            config = apply(config, part)
    return config


def _history(step: Step, made: Made) -> History:
    """A layer in the stack's words: its group, the layers it serves, what it holds."""
    if isinstance(step, GroupStep):
        held = " ".join(f"{p.name}=={p.version}" for p in step.packages)
    elif isinstance(step, AptStep):
        held = " ".join(_with_versions(step, made))
    else:
        held = " ".join(name for name in step.facts if name != BELOW)
    return History(
        created_by=f"stackyard {step.kind} {step.name}: {held}"[:4000],
        comment=f"layers: {' '.join(step.layers)}",
    )


def _with_versions(step: AptStep, made: Made) -> Iterator[str]:
    for package in sorted(step.work.packages):
        version = made.debs.get(package)
        yield f"{deb_name(package)}={version}" if version else package


def _settings(config: RuntimeConfig) -> list[str]:
    told = {
        "ENV": " ".join(sorted(config.env)),
        "USER": config.user,
        "WORKDIR": config.workdir,
        "ENTRYPOINT": config.entrypoint and " ".join(config.entrypoint),
        "CMD": config.cmd and " ".join(config.cmd),
    }
    return [f"stackyard {name} {value}" for name, value in told.items() if value]
