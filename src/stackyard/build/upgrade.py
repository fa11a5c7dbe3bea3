"""What an upgrade costs users: the bytes that a node which has an image pulls for the next one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from stackyard.build.plan import Decision, Plan
from stackyard.build.results import last_made
from stackyard.build.steps import BaseStep, GroupStep, Step
from stackyard.oci.layer import Layer
from stackyard.oci.store import Store
from stackyard.stack.values import Target
from stackyard.system.base import layers_at_hand


@dataclass(frozen=True)
class Upgrade:
    """From the last image that was built of a target to the planned one.

    Attributes:
        pulled: compressed bytes of what is new, by step (``apt grid``), largest first.
        total: compressed bytes of the whole new image.
        estimated: some steps are still to be built; their size is taken to be that of
            the last time, or that of their wheels.
        unknown: steps of which nothing is known yet.
    """

    pulled: Mapping[str, int]
    total: int
    estimated: bool
    unknown: tuple[str, ...]

    @property
    def size(self) -> int:
        """Bytes that a node pulls."""
        return sum(self.pulled.values())

    def to_json(self) -> dict[str, Any]:
        """The upgrade as a JSON object."""
        return {
            "pulled": self.size,
            "total": self.total,
            "steps": dict(self.pulled),
            "estimated": self.estimated,
            "unknown": list(self.unknown),
        }


def upgrades(plan: Plan, store: Store) -> dict[Target, Upgrade]:
    """The cost for each target that changes and was built before."""
    found: dict[Target, Upgrade] = {}
    for target, key in plan.images.items():
        decision = plan.decisions[key]
        before = last_made(store, decision.step, project=plan.project)
        if decision.made is None and before is not None and before.blobs:
            found[target] = _upgrade(plan, store, decision, before.blobs)
    return found


def _upgrade(plan: Plan, store: Store, image: Decision, held: Mapping[str, int]) -> Upgrade:
    pulled: dict[str, int] = {}
    unknown: list[str] = []
    total = 0
    estimated = False
    for decision in (plan.decisions[key] for key in image.step.needs):
        name = f"{decision.step.kind} {decision.step.name}"
        for digest, size in _blobs(decision, store, plan.project):
            if size is None:
                unknown.append(name)
                continue
            estimated = estimated or digest is None
            total += size
            if digest not in held:
                pulled[name] = pulled.get(name, 0) + size
    ranked = dict(sorted(pulled.items(), key=lambda item: (-item[1], item[0])))
    return Upgrade(ranked, total, estimated, tuple(unknown))


def _blobs(
    decision: Decision, store: Store, project: str
) -> Iterator[tuple[str | None, int | None]]:
    """A step's blobs as digest and size; no digest when it is still to be built."""
    layers = decision.made.layers if decision.made else _locked(decision.step, store)
    if layers is not None:
        yield from ((layer.descriptor.digest, layer.descriptor.size) for layer in layers)
    elif before := last_made(store, decision.step, project=project):
        yield None, before.size
    else:
        yield None, decision.step.size if isinstance(decision.step, GroupStep) else None


def _locked(step: Step, store: Store) -> Sequence[Layer] | None:
    """The layers of a base that was locked on this machine, and so is there already."""
    if not isinstance(step, BaseStep) or not step.locked.digest:
        return None
    return layers_at_hand(
        step.source,
        platform=step.platform,
        apt=step.apt,
        store=store,
        pinned=step.locked.digest,
    )
