"""The plan: each step, whether it is built or reused, and why."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from stackyard.build.derive import Derived
from stackyard.build.reasons import changes
from stackyard.build.results import Made, last_facts, recall
from stackyard.build.steps import ImageStep, Step
from stackyard.oci.store import Store
from stackyard.stack.values import Target


@dataclass(frozen=True)
class Decision:
    """What is done about one step.

    Attributes:
        made: the result to reuse; None when the step is built.
        reason: in the stack file's words.
    """

    step: Step
    made: Made | None
    reason: str

    @property
    def action(self) -> Literal["build", "reuse"]:
        """The word that a plan shows."""
        return "reuse" if self.made else "build"


@dataclass(frozen=True)
class Plan:
    """Every step of the targets asked for, in an order in which they can be done.

    Attributes:
        project: tells this stack file's steps from another's in the same store.
        decisions: by the step's key; what a step needs comes before it.
        images: the image step's key of each target.
        notes: what merging for the layer budget costs, by target.
    """

    project: str
    decisions: dict[str, Decision]
    images: dict[Target, str]
    notes: dict[Target, str]

    @property
    def to_build(self) -> list[Decision]:
        """The decisions that are work."""
        return [d for d in self.decisions.values() if d.made is None]

    def image_step(self, target: Target) -> ImageStep:
        """The step that makes a target."""
        step = self.decisions[self.images[target]].step
        if not isinstance(step, ImageStep):
            raise TypeError(f"{target} does not end in an image")
        return step


class _Present:
    """Whether blobs are in the store, each asked once: images share most of theirs."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._known: dict[str, bool] = {}

    def __call__(self, digest: str) -> bool:
        known = self._known.get(digest)
        if known is None:
            known = self._known[digest] = self._store.has(digest)
        return known


def make_plan(derived: Derived, store: Store, *, project: str) -> Plan:
    """Look every step up in the store and decide.

    A step that is not there is built; so is an image any of whose blobs is gone.
    """
    present = _Present(store)
    decisions: dict[str, Decision] = {}
    for step in _in_order(derived.steps.values()):
        found = recall(store, step, whole=present)
        if isinstance(found, Made) and not any(decisions[k].made is None for k in step.needs):
            decisions[step.key] = Decision(step, found, "unchanged")
        else:
            reason = _reason(store, step, project) if found is None else _LOST
            decisions[step.key] = Decision(step, None, reason)
    return Plan(
        project, decisions, {t: s.key for t, s in derived.images.items()}, dict(derived.notes)
    )


_LOST = "no longer whole in the store"


def _reason(store: Store, step: Step, project: str) -> str:
    before = last_facts(store, step, project=project)
    if before is None:
        return "not built yet"
    return changes(before, step.facts) or "made by another version of Stackyard"


_RANK = {"packages": 1, "files": 2, "finish": 3, "image": 4}


def _in_order(steps: Iterable[Step]) -> list[Step]:
    # Each image's steps come from the bottom, so what a step needs is before it; the
    # sort is stable, and puts kinds together that never stand on a later one.
    return sorted(steps, key=lambda step: _RANK.get(step.kind, 0))
