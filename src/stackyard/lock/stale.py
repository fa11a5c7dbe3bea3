"""Whether the stack file asks for something else than what was locked, and what."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from stackyard.lock.inputs import asked, digest
from stackyard.lock.model import Lock
from stackyard.lock.units import units
from stackyard.stack.values import Stack


def stale(stack: Stack, lock: Lock) -> list[str]:
    """Why *lock* no longer fits *stack*; empty when it does. Offline.

    Returns:
        Reasons in the stack file's words, such as
        ``py311: layer science now asks for pandas>=3``.
    """
    reasons = []
    wanted = units(stack)
    for unit in wanted:
        label = unit.variant
        found = lock.resolutions.get((unit.variant, unit.base))
        if found is None:
            reasons.append(f"{label}: nothing is locked for the images on layer {unit.base} yet")
            continue
        now = asked(unit, found.forked)
        if digest(now) != found.inputs:
            said = list(_differences(found.asked, now))
            reasons += [f"{label}: {r}" for r in said or ["the stack file has changed"]]
    gone = set(lock.resolutions) - {(u.variant, u.base) for u in wanted}
    reasons += [f"{v}: no image stands on layer {b} any more" for v, b in sorted(gone)]
    return reasons


def _differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
    words = {"base": "the base", "python": "the variant's Python"}
    for key, what in words.items():
        if old.get(key) != new[key]:
            yield f"{what} is now {new[key]} (locked: {old.get(key)})"
    yield from _moves("the bottom layer's apt packages", old.get("apt"), new["apt"])
    yield from _moves("the platforms", old.get("platforms"), new["platforms"])
    before, after = old.get("layers") or {}, new["layers"]
    for name in sorted(before.keys() - after.keys()):
        yield f"layer {name} is in no image any more"
    for name in sorted(after.keys() - before.keys()):
        yield f"layer {name} is new"
    for name in sorted(after.keys() & before.keys()):
        yield from _layer(name, before[name], after[name])
    if old.get("together") != new["together"]:
        yield "layers that contradict each other are now put together differently"


def _moves(what: str, old: Any, new: list[str]) -> Iterator[str]:
    before, after = set(old or ()), set(new)
    if more := sorted(after - before):
        yield f"{what} now have {', '.join(more)}"
    if less := sorted(before - after):
        yield f"{what} no longer have {', '.join(less)}"


def _layer(name: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
    before, after = set(old.get("pip", ())), set(new["pip"])
    if more := sorted(after - before):
        yield f"layer {name} now asks for {', '.join(more)}"
    if less := sorted(before - after):
        yield f"layer {name} no longer asks for {', '.join(less)}"
    if old.get("on") != new["on"]:
        yield f"layer {name} now stands on {', '.join(new['on']) or 'nothing'}"
