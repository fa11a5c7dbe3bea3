"""One joint resolution: uv, again and again until layers that never meet are forked."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations

from stackyard.errors import InputError
from stackyard.lock.explain import minimal_core
from stackyard.lock.graph import Graph
from stackyard.lock.project import Project, Sides
from stackyard.lock.refusal import Base, refusal
from stackyard.lock.requirements import Lines, asking
from stackyard.lock.simple import offers
from stackyard.lock.targets import Goal
from stackyard.lock.units import Unit
from stackyard.lock.uv import Preference, Unsolvable, Uv, groups_named, not_found
from stackyard.lock.web import Web

_ROUNDS = 50


@dataclass
class Solver:
    """Resolves one unit.

    Attributes:
        base: what the base has, as constraint lines.
        links: the folder of the base's metadata-only wheels, or empty.
        excluded: constraint lines that keep versions without a wheel away.
        sides: the layers found to contradict each other so far.
    """

    uv: Uv
    web: Web
    unit: Unit
    lines: Lines
    goals: Mapping[str, Goal]
    base: Base
    links: str
    report: Callable[[str], None]
    excluded: list[str] = field(default_factory=list)
    sides: Sides = field(default_factory=Sides)

    @property
    def groups(self) -> dict[str, str]:
        """Layer to its group."""
        return self.sides.groups(self.unit.layers)

    @property
    def forked(self) -> frozenset[str]:
        """All layers that contradict others."""
        return frozenset(n for pair in self.sides.opposed for side in pair for n in side)

    def project(self) -> Project:
        """What uv is asked now."""
        groups = self.groups
        asked: dict[str, dict[str, None]] = {}
        for layer, lines in self.lines.items():
            asked.setdefault(groups[layer], {}).update(dict.fromkeys(lines))
        return Project(
            groups={group: tuple(lines) for group, lines in asked.items()},
            conflicts=self.sides.conflicts(groups),
            constraints=(*self.base, *self.excluded),
            environments={p: goal.marker for p, goal in self.goals.items()},
            links=self.links,
        )

    def solve(self, keep: Sequence[Preference], refresh: Sequence[str] = ()) -> Graph | Unsolvable:
        """Resolve, forking where that is allowed.

        Args:
            keep: the versions to stay with.
            refresh: as `Uv.lock` takes it, for the first call.

        Returns:
            The graph; or uv's words when versions without a wheel are kept away
            and nothing is left.

        Raises:
            InputError: layers that meet contradict each other, or one asks for
                what there is not.
            OutsideError: uv or an index failed.
        """
        for _ in range(_ROUNDS):
            project = self.project()
            answer = self.uv.lock(project, keep, refresh=refresh)
            refresh = ()
            if not isinstance(answer, Unsolvable):
                return Graph.read(answer)
            refused = self._fork(project, answer)
            if refused and self.excluded:
                return answer
            if refused:
                raise refused
        raise InputError(
            f"variant {self.unit.variant}: the layers contradict each other in more than "
            f"{_ROUNDS} ways",
            hint="split the stack file by base, or loosen the requirements",
        )

    def _fork(self, project: Project, answer: Unsolvable) -> InputError | None:
        """Put layers that contradict each other apart; the error when they meet."""
        for name in not_found(answer.message):
            offers(self.web, name)  # uv takes a refused login for a missing package
        core = self._core(project, answer)
        asked = asking(self.lines)
        choices = [asked[item] for item in core if item in asked]
        images = self.unit.meeting(choices)
        apart = [
            (a, b)
            for a, b in combinations([item for item in core if item in asked], 2)
            if not self.unit.meeting([asked[a], asked[b]])
        ]
        if images or not apart:
            return refusal(self, core, images, self._said(project, core) or {"": answer})
        for a, b in apart:
            self.report(
                f"{self.unit.variant}: {a} ({_names(asked[a])}) and {b} ({_names(asked[b])}) "
                "contradict each other and never meet in an image: forked"
            )
        opposed = [(self._standing(asked[a]), self._standing(asked[b])) for a, b in apart]
        self.sides = Sides((*self.sides.opposed, *opposed))
        return None

    def _said(self, project: Project, core: Sequence[str]) -> dict[str, Unsolvable]:
        """Uv's words on *core* for each platform where it has no solution."""
        smaller = project.only([*core, *self.excluded])
        out = {}
        for platform, marker in project.environments.items():
            answer = self.uv.lock(replace(smaller, environments={platform: marker}))
            if isinstance(answer, Unsolvable):
                out[platform] = answer
        return out

    def _standing(self, layers: Iterable[str]) -> frozenset[str]:
        """*layers* and all that stand on them, which never meet the other side either."""
        wanted = set(layers)
        return frozenset(n for n in self.unit.layers if wanted & self.unit.closure(n))

    def _core(self, project: Project, answer: Unsolvable) -> list[str]:
        items = [*self.base, *asking(self.lines)]
        named = {line for g in groups_named(answer.message) for line in project.groups.get(g, ())}
        guess = [i for i in items if i in named or i in self.base]

        def solvable(some: Sequence[str]) -> bool:
            smaller = project.only([*some, *self.excluded])
            quick = self.uv.lock(smaller, offline=True)
            if not isinstance(quick, Unsolvable):
                return True
            if "network was disabled" not in quick.message:
                return False
            return not isinstance(self.uv.lock(smaller), Unsolvable)

        return minimal_core(items, solvable, guess)


def _names(layers: Iterable[str]) -> str:
    return ", ".join(sorted(layers))
