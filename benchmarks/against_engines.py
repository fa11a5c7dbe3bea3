"""One image of about 180 packages into a registry: Stackyard against BuildKit and buildah.

    python benchmarks/against_engines.py                 with bytecode, then without
    python benchmarks/against_engines.py --no-bytecode   only without
    python benchmarks/against_engines.py --leaf          one package of a leaf layer changes

All sides start from the same base image (Debian bookworm with Python, made here with
mmdebstrap), which each has at hand and which is in the registry already. They install the
same versions, those of one stackyard.lock, from the same package index, and push to the
same registry, Debian's docker-registry on a loopback port. They take turns, one at a time.

Full builds: each side begins with no wheel, no layer and no cache but the base, and the
registry holds the base alone. Measured is the time until the image is in the registry:
`stackyard push` against `docker build` or `buildah build`, with `uv pip install` in one RUN,
and the push after it. Resolving is not measured: the peers get the resolved list.

--leaf: everything was built and pushed, and stays; then the seaborn of a layer above all
others changes its version, again in each round. The peers keep their layers and uv's cache
(in a cache mount). Two recipes each: one requirements file, as people have it, which the
goal is about; and the changed package in a RUN of its own at the end, the best they can do.

Needs root and, of Debian 12: mmdebstrap docker-registry docker.io buildah. The docker
daemon is our own, with all its state in a temporary folder, which needs 15 GB; everything
is ended, unmounted and removed at the end, also after Ctrl-C.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NoReturn

from engines.indexes import index_settings
from engines.peers import DOCKER, Buildah, BuildKit, Engine
from engines.programs import ProgramError, run, workspace
from engines.recipe import Recipe
from engines.registry import BASE_TAG, Contents, Registry
from engines.report import Time, show_contents, show_medians, show_phases
from engines.stack import LEAF, LEAF_VERSIONS, Stack

GOALS = {True: 4.0, False: 7.0}
"""Times faster than the faster peer, with and without bytecode."""
LEAF_GOAL = 25.0
_SUITE = "bookworm"
_APT = "ca-certificates,python3"

_STOPS = (signal.SIGINT, signal.SIGTERM)

Times = dict[str, list[Time]]


class Bench:
    """What all rounds share: the registry, the peers, the settings of the index."""

    def __init__(self, folder: Path, registry: Registry, peers: list[Engine]) -> None:
        self.folder = folder
        self.registry = registry
        self.peers = peers
        self.settings, self.certificates = index_settings()

    @classmethod
    @contextmanager
    def ready(cls, folder: Path) -> Iterator[Bench]:
        """Start the engines and put the base image where everybody has it."""
        registry_folder = folder / "registry"
        registry_folder.mkdir()
        with (
            BuildKit.started(folder / "buildkit") as buildkit,
            Buildah.started(folder / "buildah") as buildah,
        ):
            bench = cls(folder, Registry(registry_folder), [buildkit, buildah])
            print(f"{os.cpu_count()} CPUs; Python {sys.version.split()[0]}")
            for peer in bench.peers:
                print(f"{peer.name}: {peer.version()}")
            context = folder / "base"
            context.mkdir()
            run(
                [
                    *("mmdebstrap", "--quiet", "--variant=minbase", f"--include={_APT}"),
                    *(_SUITE, context / "rootfs.tar"),
                ]
            )
            with bench.registry.serving(keep=True):
                buildah.import_rootfs(context, bench.registry.base)
                for peer in bench.peers:
                    peer.pull(bench.registry.base)
            yield bench

    def stack(self, *, bytecode: bool) -> tuple[Stack, Path]:
        """Stackyard's project, locked, and the store that holds the base for it."""
        folder = self.folder / f"stack-{bytecode}"
        stack = Stack(
            folder / "project",
            base=self.registry.base,
            repository=self.registry.repository,
            bytecode=bytecode,
            settings=self.settings,
            certificates=self.certificates,
        )
        with self.registry.serving():
            seconds = stack.lock(folder / "template")
        print(f"locked {sum(map(len, stack.requirements()))} packages in {seconds:.1f} s")
        return stack, folder / "template"

    def recipe(self, name: str, *, bytecode: bool, warm: bool = False) -> Recipe:
        """A recipe for the peers, without its requirements yet."""
        place = self.folder / "recipes" / f"{name}-{bytecode}"
        recipe = Recipe(place, self.registry.base, bytecode, warm)
        recipe.prepare(self.settings, self.certificates)
        return recipe

    def pushed(self, before: list[str]) -> Contents:
        """The image that was pushed since the registry had the tags *before*."""
        return self.registry.contents(next(t for t in self.registry.tags() if t not in before))


def full(bench: Bench, rounds: int, *, bytecode: bool) -> None:
    """Build everything from nothing, in turns."""
    print(f"\n== full build, {'with' if bytecode else 'without'} bytecode")
    stack, template = bench.stack(bytecode=bytecode)
    recipe = bench.recipe("full", bytecode=bytecode)
    shared, own = stack.requirements()
    recipe.write([*shared, *own])
    store = template.with_name("store")

    def ours() -> Time:
        stack.cold(template, store)
        os.sync()
        pushed = stack.push(store)
        show_phases(pushed)
        return Time(pushed.seconds)

    turns: dict[str, Callable[[], Time]] = {"stackyard": ours}
    for peer in bench.peers:
        turns[peer.name] = _turn(peer, recipe, f"{bench.registry.repository}:{peer.name}")
    times: Times = {side: [] for side in turns}
    contents: dict[str, Contents] = {}
    for number in range(1, rounds + 1):
        for side, turn in turns.items():
            with bench.registry.serving():
                times[side].append(turn())
                _tell(number, rounds, side, times)
                if number == 1:
                    contents[side] = bench.pushed([BASE_TAG])
            for peer in bench.peers:
                if peer.name == side:
                    peer.forget(f"{bench.registry.repository}:{peer.name}")
    shutil.rmtree(store)
    show_contents(contents)
    show_medians(times, GOALS[bytecode])


def leaf(bench: Bench, rounds: int, *, bytecode: bool) -> None:
    """Change one package of the top layer, in turns, everything else as it was."""
    print(f"\n== a leaf package changes, {'with' if bytecode else 'without'} bytecode")
    stack, store = bench.stack(bytecode=bytecode)
    recipes = {
        "last RUN": bench.recipe("last", bytecode=bytecode, warm=True),
        "one file": bench.recipe("one", bytecode=bytecode, warm=True),
    }
    contents: dict[str, Contents] = {}
    times: Times = {}
    best: Times = {}
    print("building everything once, on each side", flush=True)
    with bench.registry.serving():
        for number, version in enumerate(LEAF_VERSIONS[: rounds + 1]):
            tags = bench.registry.tags()
            stack.ask(version)
            locked = stack.lock(store) if number else 0.0
            os.sync()
            pushed = stack.push(store)
            if number:
                print(f"{LEAF} {version}: locked again in {locked:.1f} s (not counted)")
                show_phases(pushed)
                times.setdefault("stackyard", []).append(Time(pushed.seconds))
                _tell(number, rounds, "stackyard", times)
            if number == 1:
                contents["stackyard"] = bench.pushed(tags)
            shared, own = stack.requirements()
            recipes["one file"].write([*shared, *own])
            recipes["last RUN"].write(shared, own)
            for peer in bench.peers:
                for name, recipe in recipes.items():
                    if number == 0 and name == "one file":
                        continue  # nothing of it can be used again but uv's cache, shared by both
                    side = f"{peer.name}, {name}"
                    tag = f"{bench.registry.repository}:{peer.name}-{name.split()[0].lower()}"
                    taken = _turn(peer, recipe, tag)()
                    if number:
                        target = times if name == "one file" else best
                        target.setdefault(side, []).append(taken)
                        _tell(number, rounds, side, target)
                    if number == 1:
                        contents[side] = bench.registry.contents(tag.rpartition(":")[2])
    show_contents(contents)
    show_medians(times, LEAF_GOAL)
    print("and with the changed package in a RUN of its own at the end:")
    show_medians({"stackyard": times["stackyard"], **best}, None)


def _turn(peer: Engine, recipe: Recipe, tag: str) -> Callable[[], Time]:
    def turn() -> Time:
        os.sync()
        build = peer.build(recipe, tag)
        push = peer.push(tag)
        return Time(build + push, build, push)

    return turn


def _tell(number: int, rounds: int, side: str, times: Mapping[str, list[Time]]) -> None:
    print(f"round {number}/{rounds}  {side:22} {times[side][-1]}", flush=True)


def main() -> int:
    """Measure what is asked for."""
    arguments = _parse()
    for number in _STOPS:
        signal.signal(number, _stop)
    modes = [True, False] if arguments.bytecode is None else [arguments.bytecode]
    measure = leaf if arguments.leaf else full
    try:
        with ExitStack() as closing:
            folder = closing.enter_context(workspace(arguments.directory))
            bench = closing.enter_context(Bench.ready(folder))
            for bytecode in modes:
                measure(bench, arguments.rounds, bytecode=bytecode)
    except ProgramError as error:
        print(f"against_engines: {error}", file=sys.stderr)
        return 3
    except KeyboardInterrupt:
        print("against_engines: stopped", file=sys.stderr)
        return 130
    return 0


def _stop(*_: object) -> NoReturn:
    for number in _STOPS:
        signal.signal(number, signal.SIG_IGN)  # what cleans up is not to be stopped
    raise KeyboardInterrupt


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--bytecode",
        action=argparse.BooleanOptionalAction,
        help="only with bytecode, or only without; default: both",
    )
    parser.add_argument("--leaf", action="store_true", help="change one package of a leaf layer")
    parser.add_argument(
        "--rounds", type=int, default=3, metavar="N", help="turns of each side (default 3)"
    )
    parser.add_argument(
        "--directory", type=Path, metavar="DIR", help="for the temporary folder, on a real disk"
    )
    arguments = parser.parse_args()
    most = len(LEAF_VERSIONS) - 1 if arguments.leaf else 99
    if not 1 <= arguments.rounds <= most:
        parser.error(f"--rounds must be 1 to {most}")
    if os.geteuid():
        parser.error("must be run as root")
    programs = ("mmdebstrap", "docker-registry", "dockerd", DOCKER, "buildah")
    if missing := [name for name in programs if not shutil.which(name)]:
        parser.error(f"not installed: {', '.join(missing)}")
    return arguments


if __name__ == "__main__":
    sys.exit(main())
