"""What an upgrade costs users: the bytes that a node which has an image pulls for the next one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from stackyard.build.plan import Decision, Plan
from stackyard.build.results import Made, last_made
from stackyard.build.steps import GroupStep
from stackyard.oci.store import Store
from stackyard.stack.values import Target


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
        for digest, size in _blobs(decision, last_made(store, decision.step, project=plan.project)):
            if size is None:
                unknown.append(name)
                continue
            estimated = estimated or digest is None
            total += size
            if digest not in held:
                pulled[name] = pulled.get(name, 0) + size
    ranked = dict(sorted(pulled.items(), key=lambda item: (-item[1], item[0])))
    return Upgrade(ranked, total, estimated, tuple(unknown))


def _blobs(decision: Decision, before: Made | None) -> Iterator[tuple[str | None, int | None]]:
    """A step's blobs as digest and size; no digest when it is still to be built."""
    if decision.made:
        yield from ((la.descriptor.digest, la.descriptor.size) for la in decision.made.layers)
    elif before is not None:
        yield None, before.size
    else:
        yield None, decision.step.size if isinstance(decision.step, GroupStep) else None
