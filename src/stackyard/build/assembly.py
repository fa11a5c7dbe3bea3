"""Putting an image together from what its steps made."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from stackyard.build.clashes import refuse_clashes
from stackyard.build.configs import apply
from stackyard.build.intruders import refuse_intruders
from stackyard.build.results import Made
from stackyard.build.steps import AptStep, EngineStep, GroupStep, ImageStep, Step
from stackyard.oci.assemble import assemble
from stackyard.oci.descriptor import Platform
from stackyard.oci.image import History, RuntimeConfig, read_image
from stackyard.oci.layer import Layer
from stackyard.oci.store import Store
from stackyard.system.settings import with_settings

KEY_LABEL = "io.stackyard.key"
LAYERS_LABEL = "io.stackyard.layers"

CREATED = datetime.fromtimestamp(0, UTC)
"""Images are the same whenever they are built, so their date tells nothing."""


def assemble_image(store: Store, step: ImageStep, parts: Sequence[tuple[Step, Made]]) -> Made:
    """Write the image's config and manifest.

    Args:
        store: has the blobs of all parts.
        step: the image.
        parts: what its steps made, from the bottom, the base first.

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
    base = read_image(store, bottom)
    layers: list[tuple[Layer | None, History]] = list(base.steps)
    for part, made in parts[1:]:
        layers += [(layer, _history(part, made)) for layer in made.layers]
    config = _config(base.config, step, {part.key: made for part, made in parts})
    layers += [(None, History(created_by=line, empty_layer=True)) for line in _settings(config)]
    labels = {
        **step.annotations,
        **config.labels,
        KEY_LABEL: step.key,
        LAYERS_LABEL: " ".join(step.layers),
    }
    manifest = assemble(
        store,
        platform=Platform.parse(step.target.platform),
        layers=layers,
        config=replace(config, labels=labels),
        annotations=step.annotations,
        created=CREATED,
    )
    return Made(manifest=manifest, blobs=_blobs(store, manifest.digest))


def _blobs(store: Store, digest: str) -> dict[str, int]:
    document = json.loads(store.read(digest))
    return {part["digest"]: part["size"] for part in (document["config"], *document["layers"])}


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
        held = " ".join(sorted(step.facts))
    return History(
        created_by=f"stackyard {step.kind} {step.name}: {held}"[:4000],
        comment=f"layers: {' '.join(step.layers)}",
    )


def _with_versions(step: AptStep, made: Made) -> Iterator[str]:
    for package in sorted(step.work.packages):
        name = re.split("[=/]", package)[0]
        version = made.debs.get(name) or made.debs.get(name.partition(":")[0])
        yield f"{name}={version}" if version else package


def _settings(config: RuntimeConfig) -> list[str]:
    told = {
        "ENV": " ".join(sorted(config.env)),
        "USER": config.user,
        "WORKDIR": config.workdir,
        "ENTRYPOINT": config.entrypoint and " ".join(config.entrypoint),
        "CMD": config.cmd and " ".join(config.cmd),
    }
    return [f"stackyard {name} {value}" for name, value in told.items() if value]
