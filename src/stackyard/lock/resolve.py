"""The lock of a stack: every unit resolved, every wheel chosen."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from difflib import get_close_matches
from pathlib import Path

from packaging.utils import canonicalize_name

from stackyard.errors import InputError, OutsideError
from stackyard.lock.model import Lock, LockedBase, Resolution, Upgrade
from stackyard.lock.settings import read_settings
from stackyard.lock.unit import resolve_unit
from stackyard.lock.units import units
from stackyard.lock.urls import Addresses
from stackyard.lock.uv import Uv
from stackyard.lock.web import Web
from stackyard.stack.values import Stack

_AT_ONCE = 3


def resolve(
    stack: Stack,
    bases: Mapping[tuple[str, str], Mapping[str, LockedBase]],
    *,
    previous: Lock | None,
    upgrade: Upgrade,
    report: Callable[[str], None],
    url_cache: Path | None = None,
) -> Lock:
    """Lock a stack.

    Args:
        stack: what is asked for.
        bases: (variant, bottom layer) to platform to what is there already.
        previous: the lock so far; its versions stay unless they must move.
        upgrade: which of them need not stay.
        report: told in a line each what is done and found (from any thread).
        url_cache: a folder of this machine where `fetch` finds addresses again.

    Raises:
        InputError: layers that meet contradict each other, a package has no
            wheel for a target, a base does not suit, a requirement is malformed.
        OutsideError: uv, an index, or the disk failed.
    """
    upgrade = _known(upgrade, previous)
    settings = read_settings()
    uv = Uv(settings)
    addresses = Addresses(settings, url_cache)
    wanted = units(stack)
    try:
        with (
            tempfile.TemporaryDirectory(prefix="stackyard-base-") as folder,
            Web(settings) as web,
            ThreadPoolExecutor(_AT_ONCE) as pool,
        ):
            jobs = [
                pool.submit(
                    resolve_unit,
                    unit,
                    bases[unit.variant, unit.base],
                    before=_before(previous, unit.variant, unit.base),
                    upgrade=upgrade,
                    report=report,
                    uv=uv,
                    web=web,
                    links=Path(folder) / f"base-dists-{number}",
                )
                for number, unit in enumerate(wanted)
            ]
            try:
                made = [job.result() for job in jobs]
            except BaseException:
                pool.shutdown(cancel_futures=True)
                raise
    except OSError as error:
        raise OutsideError(f"locking: {error.strerror or error}") from error
    for _, seen in made:
        addresses.add(seen)
    resolutions = [resolution for resolution, _ in made]
    return Lock({(r.variant, r.base): r for r in resolutions})


def _known(upgrade: Upgrade, previous: Lock | None) -> Upgrade:
    """The same with normalised names, all of which are locked."""
    names = frozenset(map(canonicalize_name, upgrade.names))
    before = previous.resolutions.values() if previous else ()
    locked = {package.name for resolution in before for package in resolution.packages}
    for name in sorted(names - locked):
        near = get_close_matches(name, locked, 1)
        raise InputError(
            f"{name} cannot be upgraded: the lock does not have it",
            hint=f"did you mean {near[0]}?" if near else "the lock file lists what it has",
        )
    return Upgrade(upgrade.everything, names)


def _before(previous: Lock | None, variant: str, base: str) -> Resolution | None:
    return previous.resolutions.get((variant, base)) if previous else None
