"""What steps made, remembered in the store by key.

Also remembered, by a step's identity, is what it was made from the last time:
that is where the reasons of a plan come from.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from stackyard.build.history import note_build
from stackyard.build.keys import key_of
from stackyard.build.steps import ImageStep, Step
from stackyard.oci.descriptor import Descriptor
from stackyard.oci.layer import Layer
from stackyard.oci.store import Store
from stackyard.oci.walk import children


@dataclass(frozen=True)
class Made:
    """What a step made: layers from the bottom, or an image's manifest.

    Attributes:
        layers: of a base all of its layers, of an image none.
        manifest: of a base or an image.
        blobs: digests of everything that must be in the store for this to count,
            with their sizes in bytes.
        settings: what a Containerfile changed of the configuration, see
            `stackyard.system.settings`.
        debs: of an apt step what it was asked for, and the version that it installed.
    """

    layers: tuple[Layer, ...] = ()
    manifest: Descriptor | None = None
    blobs: Mapping[str, int] | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    debs: Mapping[str, str] = field(default_factory=dict)

    @property
    def digests(self) -> list[str]:
        """All that must be in the store for this to count."""
        found = [*(layer.descriptor.digest for layer in self.layers), *(self.blobs or ())]
        return [*found, self.manifest.digest] if self.manifest else found

    @property
    def size(self) -> int:
        """Bytes, compressed."""
        if self.blobs is not None:
            return sum(self.blobs.values())
        return sum(layer.descriptor.size for layer in self.layers)


def blob_sizes(store: Store, manifest: Descriptor) -> dict[str, int]:
    """Digests and sizes of a stored manifest's config and layers, for `Made.blobs`."""
    parts = children(store.read(manifest.digest), manifest)
    return {part.digest: part.size for part in parts}


@dataclass(frozen=True)
class Lost:
    """The step was made before, but not all of it is in the store any more."""


def recall(store: Store, step: Step, *, whole: Callable[[str], bool]) -> Made | Lost | None:
    """What the step made before; None if it was never made.

    Args:
        store: where results are remembered.
        step: the step asked about.
        whole: whether a blob of this digest is there; given so that a caller
            with many steps can ask about each blob once.
    """
    return recall_key(store, step.key, whole=whole)


def recall_key(store: Store, key: str, *, whole: Callable[[str], bool]) -> Made | Lost | None:
    """As `recall`, of the step that has this key."""
    record = store.recall("step", key)
    if record is None:
        return None
    made = _read(record)
    if made is None:
        return Lost()
    return made if all(map(whole, made.digests)) else Lost()


def _read(record: Mapping[str, Any]) -> Made | None:
    """What `remember` wrote; None when it is damaged."""
    try:
        return Made(
            layers=tuple(Layer.from_json(layer) for layer in record["layers"]),
            manifest=Descriptor.from_json(record["manifest"]) if record["manifest"] else None,
            blobs={str(k): int(v) for k, v in record["blobs"].items()}
            if record["blobs"] is not None
            else None,
            settings=dict(record.get("settings") or {}),
            debs=dict(record.get("debs") or {}),
        )
    except (KeyError, TypeError, ValueError, AttributeError):
        return None


def remember(store: Store, step: Step, made: Made, *, project: str) -> None:
    """Keep what a step made, and what from.

    Args:
        store: where results are remembered.
        step: the step that was done.
        made: its result.
        project: tells one stack file's steps from another's.
    """
    store.remember(
        "step",
        step.key,
        {
            "name": step.name,
            "kind": step.kind,
            "layers": [layer.to_json() for layer in made.layers],
            "manifest": made.manifest.to_json() if made.manifest else None,
            "blobs": dict(made.blobs) if made.blobs is not None else None,
            "settings": dict(made.settings),
            "debs": dict(made.debs),
        },
    )
    store.remember("last", _last(step, project), {"facts": dict(step.facts), "key": step.key})
    if isinstance(step, ImageStep):
        note_build(store, step, project=project)


def last_facts(store: Store, step: Step, *, project: str) -> Mapping[str, str] | None:
    """What the step of this name was made from the last time; None if never made."""
    record = store.recall("last", _last(step, project))
    return record["facts"] if record and isinstance(record.get("facts"), dict) else None


def last_made(store: Store, step: Step, *, project: str) -> Made | None:
    """What the step of this name made the last time, whether or not it is still there."""
    record = store.recall("last", _last(step, project)) or {}
    key = record.get("key")
    made = store.recall("step", key) if isinstance(key, str) and key.isalnum() else None
    return _read(made) if made else None


def _last(step: Step, project: str) -> str:
    return key_of("last", project=project, identity=step.identity)
