"""Packages without a wheel for a target: other versions first, else a clear end."""

from __future__ import annotations

from packaging.utils import InvalidWheelFilename, canonicalize_name, parse_wheel_filename
from packaging.version import InvalidVersion

from stackyard.errors import InputError
from stackyard.lock.graph import Graph
from stackyard.lock.needs import Found
from stackyard.lock.simple import offers
from stackyard.lock.solve import Solver
from stackyard.lock.tags import choose
from stackyard.lock.web import Web
from stackyard.lock.wheels import Unfit

_SHOWN = 6


def exclude(solver: Solver, unfit: Unfit) -> list[str]:
    """Constraint lines that keep away all versions without a fitting wheel.

    Returns:
        No line when no version has a wheel that fits.

    Raises:
        OutsideError: an index does not answer.
    """
    name, version = unfit.node
    goal = solver.goals[unfit.platform]
    offered = _by_version(solver.web, name)
    good = {v for v, files in offered.items() if choose(files, goal.tags)}
    bad = sorted(({version} | offered.keys()) - good)
    if not good or version in good:
        return []
    solver.report(
        f"{goal.variant}: {name} {version} has no wheel for {goal.label}; trying other versions"
    )
    without = ",".join(f"!={v}" for v in bad)
    return [f"{name}{without} ; platform_machine == '{goal.machine}'"]


def no_wheel(solver: Solver, unfit: Unfit, found: Found, graph: Graph) -> InputError:
    """The error for a package that a target can have in no version that suits."""
    name, version = unfit.node
    goal = solver.goals[unfit.platform]
    layer, path = found.path
    files = [f.filename for f in graph.files.get(unfit.node, ())]
    more = len(files) - _SHOWN
    shown = files[:_SHOWN] + ([f"... and {more} more"] if more > 0 else [])
    others = sorted(v for v, f in _by_version(solver.web, name).items() if choose(f, goal.tags))
    other = (
        f"the versions that have one ({', '.join(others[-_SHOWN:])}) do not suit the other "
        "requirements"
        if others
        else "no version of it has one"
    )
    via = f", through {' > '.join(path)}" if len(path) > 1 else ""
    listed = "".join(f"\n    {line}" for line in shown) or " none"
    return InputError(
        f"{name} {version} has no wheel for {goal.label}, and {other}.\n"
        f"  layer {layer} asks for it{via}. Its wheels:{listed}",
        where=solver.unit.layers[layer].where,
        hint=f"ask for another version of {path[0]}, drop the platform {goal.platform}, or build "
        "a wheel and put it on your index or into a links folder (UV_FIND_LINKS)",
    )


def _by_version(web: Web, name: str) -> dict[str, list[str]]:
    out: dict[str, list[str]] = {}
    for offer in offers(web, name):
        try:
            found, version, _build, _tags = parse_wheel_filename(offer.filename)
        except (InvalidWheelFilename, InvalidVersion):
            continue
        if found == canonicalize_name(name):
            out.setdefault(str(version), []).append(offer.filename)
    return out
