"""The plan: each step, whether it is built or reused, and why."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from stackyard.build.derive import Derived
from stackyard.build.reasons import changes
from stackyard.build.results import Made, last_facts, recall, recall_key
from stackyard.build.steps import GroupStep, ImageStep, Step
from stackyard.oci.store import Store
from stackyard.stack.values import Target

NOTHING: Mapping[str, Made] = {}


@dataclass(frozen=True)
class Decision:
    """What is done about one step.

    Attributes:
        made: the result to reuse; None when the step is built.
        reason: in the stack file's words.
        here: whether the result's blobs are in the store; else in the registry.
    """

    step: Step
    made: Made | None
    reason: str
    here: bool = True

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

    @property
    def lacks_bytecode(self) -> bool:
        """Whether there are packages that are not compiled."""
        steps = (decision.step for decision in self.decisions.values())
        return any(isinstance(step, GroupStep) and not step.bytecode for step in steps)

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


def make_plan(
    derived: Derived,
    store: Store,
    *,
    project: str,
    elsewhere: Mapping[str, Made] = NOTHING,
    whole: bool = False,
) -> Plan:
    """Look every step up, in the store and elsewhere, and decide.

    A step that is nowhere is built; so is an image any of whose blobs is gone. What only
    stands below images that are there already is not needed, and not in the plan.

    Args:
        derived: the steps.
        store: where results are remembered.
        project: tells this stack file's steps from another's.
        elsewhere: what steps made, by key, of which the blobs are in the registry.
        whole: what stands below images in the registry is wanted all the same.
    """
    present = _Present(store)
    decisions: dict[str, Decision] = {}
    for step in _in_order(derived.steps.values()):
        found = recall(store, step, whole=present)
        if isinstance(found, Made) and not any(decisions[k].made is None for k in step.needs):
            decisions[step.key] = Decision(step, found, "unchanged")
        elif step.key in elsewhere:
            there = elsewhere[step.key]
            decisions[step.key] = Decision(step, there, "in the registry", here=False)
        else:
            reason = _reason(store, step, project) if found is None else _LOST
            decisions[step.key] = Decision(step, None, reason)
    images = {target: step.key for target, step in derived.images.items()}
    if elsewhere:
        needed = _needed(decisions, images.values(), whole=whole)
        decisions = {key: d for key, d in decisions.items() if key in needed or (d.made and d.here)}
    return Plan(project, decisions, images, dict(derived.notes))


def _needed(decisions: Mapping[str, Decision], images: Iterable[str], *, whole: bool) -> set[str]:
    """The images, and what those that are to be built, or all, stand on."""
    needed: set[str] = set()
    waiting = list(images)
    while waiting:
        key = waiting.pop()
        if key in needed:
            continue
        needed.add(key)
        step = decisions[key].step
        is_made = decisions[key].made is not None
        if not is_made or (whole and isinstance(step, ImageStep)):
            waiting += step.needs
        if not is_made and isinstance(step, GroupStep) and step.compiler_base:
            waiting.append(step.compiler_base)
    return needed


def parts_of(plan: Plan, store: Store) -> set[str]:
    """Digests of all that a plan's steps made, once they are done."""
    made = (recall_key(store, key, whole=lambda _: True) for key in plan.decisions)
    return {digest for one in made if isinstance(one, Made) for digest in one.digests}


_LOST = "no longer whole in the store"


def _reason(store: Store, step: Step, project: str) -> str:
    before = last_facts(store, step, project=project)
    if before is None:
        return "not built yet"
    return changes(before, step.facts) or "in another order, or by another version of Stackyard"


_RANK = {"packages": 1, "files": 2, "finish": 3, "image": 4}


def _in_order(steps: Iterable[Step]) -> list[Step]:
    # Each image's steps come from the bottom, so what a step needs is before it; the
    # sort is stable, and puts kinds together that never stand on a later one.
    return sorted(steps, key=lambda step: _RANK.get(step.kind, 0))
