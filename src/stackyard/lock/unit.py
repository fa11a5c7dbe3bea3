"""One unit from its requirements to its locked packages."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from stackyard.lock.basedists import Provided, constraints, provided, write_links
from stackyard.lock.graph import File, Graph, Node
from stackyard.lock.inputs import asked, digest
from stackyard.lock.model import LockedBase, LockedPackage, Need, Resolution, Upgrade, Wheel
from stackyard.lock.needs import Found, forks, needs, reach
from stackyard.lock.nowheel import exclude, no_wheel
from stackyard.lock.requirements import requirements
from stackyard.lock.solve import Solver
from stackyard.lock.targets import check_python, goals
from stackyard.lock.units import Unit
from stackyard.lock.uv import Preference, Unsolvable, Uv
from stackyard.lock.web import Web
from stackyard.lock.wheels import Unfit, complete, pick

_ROUNDS = 20


def resolve_unit(
    unit: Unit,
    bases: Mapping[str, LockedBase],
    *,
    before: Resolution | None,
    upgrade: Upgrade,
    report: Callable[[str], None],
    uv: Uv,
    web: Web,
    links: Path,
) -> tuple[Resolution, dict[str, str]]:
    """Resolve one unit.

    Returns:
        The resolution, and sha256 to address of its files.

    Raises:
        InputError, OutsideError: as `resolve` says.
    """
    check_python(unit, bases)
    lines = requirements(unit)
    if not any(lines.values()):
        # Nothing is asked of the base then, so it may be of any kind.
        return _resolution(unit, bases, (), frozenset()), {}
    found = goals(unit, bases)
    have = provided(found)
    has_links = write_links(links, found)
    solver = Solver(
        uv=uv,
        web=web,
        unit=unit,
        lines=lines,
        goals=found,
        base=constraints(found, have),
        links=str(links) if has_links else "",
        report=report,
    )
    report(f"{unit.variant}: resolving {len(unit.layers)} layers on {unit.base}")
    choice = _choose(solver, _Locked(before, upgrade), have)
    wheels = complete(web, {(n[0], f.filename): f for (n, _), f in choice.files.items()})
    seen = {wheels[f.filename].sha256: f.address for f in choice.files.values()}
    return _resolution(unit, bases, _packages(choice, wheels), solver.forked), seen


def _resolution(
    unit: Unit,
    bases: Mapping[str, LockedBase],
    packages: tuple[LockedPackage, ...],
    forked: frozenset[str],
) -> Resolution:
    document = asked(unit, forked)
    return Resolution(
        variant=unit.variant,
        base=unit.base,
        inputs=digest(document),
        bases=dict(bases),
        packages=packages,
        forked=tuple(sorted(forked)),
        asked=document,
    )


@dataclass(frozen=True)
class _Locked:
    before: Resolution | None
    upgrade: Upgrade

    def packages(self) -> Iterable[LockedPackage]:
        if self.before is None or self.upgrade.everything:
            return ()
        return (p for p in self.before.packages if p.name not in self.upgrade.names)

    def keep(self) -> list[Preference]:
        return [Preference(n, v) for n, v in sorted({(p.name, p.version) for p in self.packages()})]

    def refresh(self) -> list[str]:
        if self.upgrade.everything:
            return ["--refresh"]
        return [f"--refresh-package={name}" for name in sorted(self.upgrade.names)]

    def wheels(self) -> dict[tuple[Node, str], list[Wheel]]:
        out: dict[tuple[Node, str], list[Wheel]] = {}
        for p in self.packages():
            for platform, wheel in p.wheels.items():
                out.setdefault(((p.name, p.version), platform), []).append(wheel)
        return out


@dataclass(frozen=True)
class _Choice:
    """What was found: (package, platform) to who needs it, and to its file."""

    found: Mapping[tuple[Node, str], Found]
    needs: Mapping[tuple[Node, str], tuple[Need, ...]]
    files: Mapping[tuple[Node, str], File]


def _choose(solver: Solver, locked: _Locked, have: Provided) -> _Choice:
    """Resolve, and again without the versions that a platform has no wheel for."""
    keep, known = locked.keep(), locked.wheels()
    last: list[tuple[Unfit, Found, Graph]] = []
    for first in (True, *(False,) * _ROUNDS):
        graph = solver.solve(keep, locked.refresh() if first else ())
        if isinstance(graph, Unsolvable):
            unfit, found, graph = last[0]
            raise no_wheel(solver, unfit, found, graph)
        choice, last = _pick(solver, graph, have, known)
        if not last:
            return choice
        for unfit, found, graph in last:
            lines = exclude(solver, unfit)
            if not lines:
                raise no_wheel(solver, unfit, found, graph)
            solver.excluded += lines
    unfit, found, graph = last[0]
    raise no_wheel(solver, unfit, found, graph)


def _pick(
    solver: Solver,
    graph: Graph,
    have: Provided,
    known: Mapping[tuple[Node, str], list[Wheel]],
) -> tuple[_Choice, list[tuple[Unfit, Found, Graph]]]:
    possible = forks(solver.unit, solver.forked)
    groups = solver.groups
    found: dict[tuple[Node, str], Found] = {}
    wanted: dict[tuple[Node, str], tuple[Need, ...]] = {}
    files: dict[tuple[Node, str], File] = {}
    unfit: list[tuple[Unfit, Found, Graph]] = []
    scratch = Path(solver.links).parent.name if solver.links else "\0"
    for platform, goal in solver.goals.items():
        reached = reach(graph, goal, solver.lines, groups, possible)
        for node, who in sorted(reached.items()):
            if have[platform].get(node[0]) == node[1]:
                continue
            key = (node, platform)
            file = pick(graph.files.get(node, ()), goal, known.get(key, ()), scratch)
            if file is None:
                unfit.append((Unfit(node, platform), who, graph))
                continue
            found[key], files[key], wanted[key] = who, file, needs(who, possible)
    return _Choice(found, wanted, files), unfit


def _packages(choice: _Choice, wheels: Mapping[str, Wheel]) -> tuple[LockedPackage, ...]:
    """One entry for each package and distinct set of needs."""
    entries: dict[tuple[Node, tuple[Need, ...]], list[str]] = {}
    for (node, platform), wanted in choice.needs.items():
        entries.setdefault((node, wanted), []).append(platform)
    names = {node[0] for node, _ in choice.files}
    made = []
    for (node, wanted), platforms in entries.items():
        known = [choice.found[node, platform] for platform in platforms]
        made.append(
            LockedPackage(
                name=node[0],
                version=node[1],
                needs=wanted,
                wheels={p: wheels[choice.files[node, p].filename] for p in sorted(platforms)},
                requires=tuple(sorted({r for k in known for r in k.requires} & names)),
                requested=any(k.requested for k in known),
            )
        )
    return tuple(sorted(made, key=lambda p: (p.name, p.version, p.needs)))
