"""What was measured, in lines for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from engines.registry import Contents
from engines.stack import Pushed


@dataclass(frozen=True)
class Time:
    """Seconds that one side took for one image to be in the registry.

    Attributes:
        build: up to the finished image; None for Stackyard, which pushes meanwhile.
        push: the rest; None likewise.
        total: both.
    """

    total: float
    build: float | None = None
    push: float | None = None

    def __str__(self) -> str:
        parts = f"  (build {self.build:.1f}, push {self.push:.1f})" if self.push else ""
        return f"{self.total:7.2f} s{parts}"


def show_medians(times: Mapping[str, Sequence[Time]], goal: float | None) -> None:
    """Print each side's median, and Stackyard's ratio to each peer and to the faster."""
    medians = {side: median(t.total for t in taken) for side, taken in times.items()}
    print("median")
    for side, seconds in medians.items():
        each = ", ".join(f"{t.total:.1f}" for t in times[side])
        print(f"  {side:24} {seconds:7.2f} s   of {each}")
    ours = medians.pop("stackyard", None)
    if ours is None or not medians:
        return
    faster = min(medians, key=medians.__getitem__)
    print("ratio")
    for side, seconds in medians.items():
        mark = f"   <- the faster; goal {goal:g}" if goal and side == faster else ""
        print(f"  {side + ' / stackyard':24} {seconds / ours:7.2f}{mark}")


def show_phases(pushed: Pushed) -> None:
    """Print where the time of a push went; spans overlap where work is parallel."""
    print("  where stackyard's time goes (from, to, and its steps' own seconds together)")
    for kind, phase in pushed.phases.items():
        print(
            f"    {kind:10} {phase.begin:6.2f} to {phase.end:6.2f} s"
            f"   {phase.busy:6.2f} s in {phase.steps} steps"
        )
    first = min((p.begin for p in pushed.phases.values()), default=0.0)
    print(f"    {'start':10} {0:6.2f} to {first:6.2f} s   reading, planning")
    print(f"    {'rest':10} {pushed.end:6.2f} to {pushed.seconds:6.2f} s   of the push")


def show_contents(contents: Mapping[str, Contents]) -> None:
    """Print what each side's image holds, and where they differ."""
    print("images")
    for side, held in contents.items():
        print(
            f"  {side:24} {len(held.dists)} distributions, {held.pyc} .pyc, "
            f"{held.layers} layers, {held.size / 1e6:.0f} MB"
        )
    every = frozenset[str]().union(*(held.dists for held in contents.values()))
    for side, held in contents.items():
        if missing := sorted(every - held.dists):
            print(f"  {side} lacks {', '.join(missing)}")
