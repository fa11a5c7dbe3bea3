"""Putting an image together from what its steps made."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

from stackyard.build.clashes import refuse_clashes
from stackyard.build.configs import apply
from stackyard.build.results import Made
from stackyard.build.steps import GroupStep, ImageStep, Step
from stackyard.oci.assemble import assemble
from stackyard.oci.descriptor import Platform
from stackyard.oci.image import History, read_image
from stackyard.oci.layer import Layer
from stackyard.oci.store import Store

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
        InputError: two of its packages have the same path with different content.
        OutsideError: a blob is missing, or the disk is full.
    """
    refuse_clashes(store, step, [part for part, _ in parts if isinstance(part, GroupStep)])
    bottom = parts[0][1].manifest
    if bottom is None:
        raise TypeError(f"{step.name} does not start with a base")
    base = read_image(store, bottom)
    layers: list[tuple[Layer | None, History]] = list(base.steps)
    for part, made in parts[1:]:
        layers += [(layer, _history(part)) for layer in made.layers]
    layers += [(None, History(created_by=line, empty_layer=True)) for line in _settings(step)]
    config = apply(base.config, step.config)
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


def _history(step: Step) -> History:
    """A layer in the stack's words: its group, the layers it serves, what it holds."""
    if isinstance(step, GroupStep):
        held = " ".join(f"{p.name}=={p.version}" for p in step.packages)
    else:
        held = " ".join(sorted(step.facts))
    return History(
        created_by=f"stackyard {step.kind} {step.name}: {held}"[:4000],
        comment=f"layers: {' '.join(step.layers)}",
    )


def _settings(step: ImageStep) -> list[str]:
    config = step.config
    told = {
        "ENV": " ".join(sorted(config.env)),
        "USER": config.user,
        "WORKDIR": config.workdir,
        "ENTRYPOINT": config.entrypoint and " ".join(config.entrypoint),
        "CMD": config.cmd and " ".join(config.cmd),
    }
    return [f"stackyard {name} {value}" for name, value in told.items() if value]
