"""A stack of 12 Dockerfiles, each on another's image: Stackyard against docker and buildah.

    python benchmarks/dockerfile_tree.py               3 rounds
    python benchmarks/dockerfile_tree.py --rounds 7

One image at the bottom, three on it, four on these, four on those. Each is a plain Dockerfile
with `ARG BASE_IMAGE` and `FROM $BASE_IMAGE`, a COPY, two RUNs and an ENV. Stackyard builds them
with one `stackyard build --json`, by buildah; the peers with `docker build` (BuildKit) and `buildah
build --layers` of each, in order, each with its parent's name as a build argument. All stand on
the same Debian suite: Stackyard's base, which the peers load as an archive.

Everything is built once; then, in turns, with all caches kept:

    nothing    nothing changed
    leaf       a file that the Dockerfile of one image without children copies
    root       the same in the image at the bottom, so that all 12 are built again, by
               Stackyard with --jobs 1, 2 and 4

Goals: nothing, 10 times faster than docker; leaf, only that image is built; root, all are, as
many at once as --jobs says; Stackyard's own process stays under 1 GiB.

Needs root and, of Debian 12: mmdebstrap docker.io buildah. The docker daemon is our own, with
all its state in a temporary folder, which needs 3 GB; everything is ended, unmounted and
removed at the end, also after Ctrl-C. Takes about 5 minutes.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import NoReturn

from engines.peers import DOCKER, Buildah, BuildKit, Engine
from engines.programs import ProgramError, workspace
from engines.tree import BASE, LEAF, PARENTS, ROOT, Tree, above
from engines.treebuild import Built, Stackyard, missing_programs

GOAL = 10.0
"""Times faster than docker when nothing changed."""
GOAL_MB = 1024
JOBS = (1, 2, 4)
_MOST_AT_ONCE = 7
"""Images that do not stand on each other while the others do; more jobs find no work."""

_STOPS = (signal.SIGINT, signal.SIGTERM)
_CONTENT = "env | grep -v HOSTNAME | sort; cd /opt && find . -type f | sort | xargs sha256sum"

Times = dict[str, list[float]]


class Bench:
    """The tree, and all sides, each with everything built once."""

    def __init__(self, folder: Path, peers: list[Engine]) -> None:
        self._folder = folder
        self._tree = Tree(folder / "tree")
        self._ours = Stackyard(self._tree.stack_file, folder / "store")
        self._peers = peers
        self._number = 0
        self.wrong: list[str] = []
        self.memory = 0.0

    @classmethod
    @contextmanager
    def ready(cls, folder: Path) -> Iterator[Bench]:
        """Make the base, start the engines, build everything once and compare it."""
        with (
            BuildKit.started(folder / "docker") as docker,
            Buildah.started(folder / "buildah") as buildah,
        ):
            bench = cls(folder, [docker, buildah])
            print(f"{os.cpu_count()} CPUs; Python {sys.version.split()[0]}")
            for peer in bench._peers:
                print(f"{peer.name}: {peer.version()}")
            bench._begin()
            yield bench

    def _begin(self) -> None:
        archive = self._folder / "archive.tar"
        self._ours.lock()
        self._ours.export(BASE, archive)
        for peer in self._peers:
            peer.load(archive)
        print("building everything once, on each side", flush=True)
        print(f"  {'stackyard':18} {self._ours.build().seconds:7.2f} s")
        for peer in self._peers:
            print(f"  {peer.name:18} {self._all(peer):7.2f} s", flush=True)
        self._ours.export(LEAF, archive)
        self._peers[0].load(archive)
        ours = self._peers[0].show(f"localhost/{LEAF}:default", _CONTENT)
        for peer in self._peers:
            same = peer.show(_tag(LEAF), _CONTENT) == ours
            print(f"{LEAF} by {peer.name} holds {'the same' if same else 'SOMETHING ELSE'}")
            if not same:
                self.wrong.append(f"{LEAF} by {peer.name} is not the same image")

    def _all(self, peer: Engine) -> float:
        """Build every image in order; seconds."""
        return sum(
            peer.build_child(self._tree.context(name), _tag(parent), _tag(name))
            for name, parent in PARENTS.items()
        )

    def measure(self, rounds: int, changed: str | None, jobs: tuple[int | None, ...]) -> Times:
        """Change what is to be changed before each turn, and let each side take its own."""
        expected = above(changed) if changed else set()
        turns: dict[str, Callable[[], float]] = {}
        for count in jobs:
            side = f"stackyard, {count} jobs" if count else "stackyard"
            turns[side] = lambda count=count: self._checked(expected, count)  # type: ignore[misc]
        for peer in self._peers:
            turns[peer.name] = lambda peer=peer: self._all(peer)  # type: ignore[misc]
        times: Times = {side: [] for side in turns}
        for number in range(1, rounds + 1):
            for side, turn in turns.items():
                if changed:
                    self._number += 1
                    self._tree.change(changed, self._number)
                os.sync()
                times[side].append(turn())
                print(f"round {number}/{rounds}  {side:18} {times[side][-1]:7.2f} s", flush=True)
        return times

    def _checked(self, expected: set[str], jobs: int | None) -> float:
        built = self._ours.build(jobs=jobs)
        self.memory = max(self.memory, built.memory)
        if built.steps != expected:
            self.wrong.append(f"built {sorted(built.steps)} and not {sorted(expected)}")
        if jobs and built.at_once != min(jobs, _MOST_AT_ONCE):
            self.wrong.append(f"--jobs {jobs}: {built.at_once} at once")
        print(f"  {_told(built)}")
        return built.seconds


def _told(built: Built) -> str:
    return (
        f"{len(built.steps)} Dockerfiles run, {built.at_once} at once at the most,"
        f" {built.memory:.0f} MB"
    )


def _tag(name: str) -> str:
    """As Stackyard calls its base; the others are the peers' own."""
    return f"localhost/{BASE}:default" if name == BASE else f"localhost/tree/{name}:latest"


def show(title: str, times: Times, goal: float | None = None) -> float:
    """Print medians, and how they compare; docker's to Stackyard's is returned."""
    medians = {side: median(taken) for side, taken in times.items()}
    ours = min(seconds for side, seconds in medians.items() if side.startswith("stackyard"))
    print(f"\n{title}")
    for side, seconds in medians.items():
        each = ", ".join(f"{taken:.2f}" for taken in times[side])
        ratio = "" if side.startswith("stackyard") else f"{seconds / ours:5.1f} x"
        mark = f" (goal {goal:g})" if goal and side == BuildKit.name else ""
        print(f"  {side:18} {seconds:7.2f} s  {ratio + mark:20} of {each}")
    return medians[BuildKit.name] / ours


def report(bench: Bench, rounds: int) -> int:
    """Measure all three; 1 when a goal is missed."""
    print("\n== nothing changes")
    nothing = bench.measure(rounds, None, (None,))
    print("\n== one leaf changes")
    leaf = bench.measure(rounds, LEAF, (None,))
    print("\n== the root changes")
    root = bench.measure(rounds, ROOT, JOBS)
    print("\nmedians, and how many times longer the peers take")
    ratio = show("nothing changed", nothing, GOAL)
    show(f"{LEAF} changed, and nothing else is built", leaf)
    show(f"{ROOT} changed, and all {len(PARENTS)} are built (the ratio is to the fastest)", root)
    print(f"\nStackyard's own process: {bench.memory:.0f} MB at its peak (goal {GOAL_MB})")
    if ratio < GOAL:
        bench.wrong.append(f"nothing changed: {ratio:.1f} times faster than docker, not {GOAL:g}")
    if bench.memory >= GOAL_MB:
        bench.wrong.append(f"{bench.memory:.0f} MB of memory")
    for line in bench.wrong:
        print(f"missed: {line}")
    return int(bool(bench.wrong))


def main() -> int:
    """Measure everything."""
    arguments = _parse()
    for number in _STOPS:
        signal.signal(number, _stop)
    try:
        with workspace(arguments.directory) as folder, Bench.ready(folder) as bench:
            return report(bench, arguments.rounds)
    except ProgramError as error:
        print(f"dockerfile_tree: {error}", file=sys.stderr)
        return 3
    except KeyboardInterrupt:
        print("dockerfile_tree: stopped", file=sys.stderr)
        return 130


def _stop(*_: object) -> NoReturn:
    for number in _STOPS:
        signal.signal(number, signal.SIG_IGN)  # what cleans up is not to be stopped
    raise KeyboardInterrupt


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--rounds", type=int, default=3, metavar="N", help="turns of each side (default 3)"
    )
    parser.add_argument(
        "--directory", type=Path, metavar="DIR", help="for the temporary folder, on a real disk"
    )
    arguments = parser.parse_args()
    if not 1 <= arguments.rounds <= 99:
        parser.error("--rounds must be 1 to 99")
    if os.geteuid():
        parser.error("must be run as root")
    if missing := missing_programs("mmdebstrap", "dockerd", DOCKER, "buildah"):
        parser.error(f"not installed: {', '.join(missing)}")
    return arguments


if __name__ == "__main__":
    sys.exit(main())
