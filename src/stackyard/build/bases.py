"""Bases: brought in to lock what they hold, and again, pinned, to build on them."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from stackyard.build.steps import BaseStep
from stackyard.errors import InputError, OutsideError
from stackyard.inventory.base import base_facts
from stackyard.lock.model import Lock, LockedBase
from stackyard.oci.image import read_image
from stackyard.oci.store import Store
from stackyard.stack.values import BaseSource, Layer, Stack
from stackyard.system.base import PreparedBase, prepare

Report = Callable[[str], None]
Bases = Mapping[tuple[str, str], Mapping[str, LockedBase]]


@dataclasses.dataclass(frozen=True)
class _Wanted:
    """A base as the stack file describes it, for one platform; equal ones are made once."""

    source: BaseSource
    apt: tuple[str, ...]
    platform: str


def lock_bases(
    stack: Stack, store: Store, *, previous: Lock | None, refresh: bool, report: Report
) -> Bases:
    """Bring in every base of the stack and read what is in it.

    Args:
        stack: the stack.
        store: where bases are kept.
        previous: a base that is pinned there stays as it is while it can.
        refresh: look for a newer state of suites and tags.
        report: receives progress, a line at a time.

    Returns:
        (variant, bottom layer) to platform to base.

    Raises:
        InputError: a base that is not there, or broken.
        OutsideError: no base could be made for any of the platforms.
    """
    wanted = {
        (variant.name, layer.name): layer
        for variant in stack.variants.values()
        for layer in variant.layers.values()
        if layer.base and any(image.base == layer.name for image in variant.images.values())
    }
    pins = _pins(previous)
    jobs: dict[_Wanted, str | None] = {}
    for place, layer in wanted.items():
        for platform in stack.platforms:
            job = _wanted(layer, platform)
            jobs[job] = jobs.get(job) or pins.get((*place, platform, str(layer.base)))

    def bring(job: _Wanted) -> LockedBase | OutsideError:
        try:
            return _bring(job, jobs[job], store, stack.root, refresh, report)
        except OutsideError as error:
            return error

    with ThreadPoolExecutor(max_workers=2) as pool:
        found = dict(zip(jobs, pool.map(bring, jobs), strict=True))
    return {
        place: _by_platform(layer, stack.platforms, found, report)
        for place, layer in wanted.items()
    }


def _wanted(layer: Layer, platform: str) -> _Wanted:
    if layer.base is None:
        raise InputError(f"layer {layer.name} has no base", where=layer.where)
    return _Wanted(layer.base, tuple(sorted(layer.bootstrapped)), platform)


def _pins(previous: Lock | None) -> dict[tuple[str, str, str, str], str]:
    return {
        (*place, platform, base.source): base.digest
        for place, resolution in (previous.resolutions if previous else {}).items()
        for platform, base in resolution.bases.items()
        if base.digest
    }


def _bring(
    job: _Wanted, pinned: str | None, store: Store, root: Path, refresh: bool, report: Report
) -> LockedBase:
    report(f"{job.source} ({job.platform}): bringing it in")
    base = prepare(
        job.source,
        platform=job.platform,
        apt=job.apt,
        store=store,
        root=root,
        pinned=None if refresh else pinned,
        refresh=refresh,
        report=report,
    )
    return _locked(job, base, store)


def _locked(job: _Wanted, base: PreparedBase, store: Store) -> LockedBase:
    return LockedBase(
        source=str(job.source),
        digest=base.digest,
        python=base_facts(store, base.manifest),
        layers=len(read_image(store, base.manifest).layers),
        debs=dict(base.debs),
    )


def _by_platform(
    layer: Layer,
    platforms: tuple[str, ...],
    found: Mapping[_Wanted, LockedBase | OutsideError],
    report: Report,
) -> dict[str, LockedBase]:
    """The layer's base for each platform; one that cannot be made here is inferred.

    Debian releases its architectures together, so a suite's Python and its
    distributions are the same on all; packages for a foreign platform can be
    locked from them, though such a base cannot be built here.
    """
    results = {platform: found[_wanted(layer, platform)] for platform in platforms}
    made = [base for base in results.values() if isinstance(base, LockedBase)]
    bases: dict[str, LockedBase] = {}
    for platform, result in results.items():
        if isinstance(result, LockedBase):
            bases[platform] = result
        elif made and layer.base and layer.base.kind == "debian":
            report(f"{layer.base} ({platform}): cannot be made here, taken to be as elsewhere")
            bases[platform] = dataclasses.replace(made[0], digest="", debs={}, measured=False)
        else:
            raise result
    return bases


def make_base(step: BaseStep, store: Store, root: Path, report: Report) -> PreparedBase:
    """Bring in a base as it is locked.

    Raises:
        InputError: what is there now is not what was locked.
        OutsideError: it cannot be brought in.
    """
    locked = step.locked
    base = prepare(
        step.source,
        platform=step.platform,
        apt=step.apt,
        store=store,
        root=root,
        pinned=locked.digest or None,
        refresh=False,
        report=report,
    )
    if locked.digest and base.digest != locked.digest:
        raise InputError(
            f"{step.source} is no longer what was locked{_moved(locked.debs, base.debs)}",
            hint="run `stackyard lock` to take it as it is now",
        )
    return base


def _moved(before: Mapping[str, str], now: Mapping[str, str]) -> str:
    names = sorted(n for n in before.keys() | now.keys() if before.get(n) != now.get(n))
    told = [f"{n} {before.get(n, 'absent')} → {now.get(n, 'gone')}" for n in names]
    if not told:
        return ""
    return ": " + ", ".join(told[:6]) + (f" and {len(told) - 6} more" if len(told) > 6 else "")
