"""How long `stackyard plan` takes, and how much memory, on a large stack with its lock.

    python benchmarks/plan_scale.py             300 layers, 1,000 targets, three shapes
    python benchmarks/plan_scale.py --profile   and where the time goes

The stack is made up: a base and 299 layers on one or two others, about 1,200 packages,
images of one to four layers, so that there are diamonds. In the tangled shape, a hard case,
packages are shared in every way, and most images are over their layer budget.
The lock is written with Stackyard's own model; nothing is asked of any network and the
store is empty. Beside it, and in turns with it, Python alone reads the same stack file with
ruamel.yaml. Goal: under 2 s and 300 MB.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from stackyard.inventory.facts import PythonFacts, Scheme
from stackyard.lock.file import write_lock
from stackyard.lock.inputs import asked, digest
from stackyard.lock.model import Lock, LockedBase, LockedPackage, Need, Resolution, Wheel
from stackyard.lock.units import Unit, units
from stackyard.stack.load import load

LAYERS = 300
PACKAGES = 1400
SHAPES = ((500, 2, False), (100, 10, False), (500, 2, True))
"""Images, variants (their product is the number of targets), and whether it is tangled."""
_BRANCHES = 40
"""Layers that others stand on."""
GOAL_SECONDS = 2.0
GOAL_MB = 300
_READ = "import sys; from ruamel.yaml import YAML; YAML(typ='safe').load(open(sys.argv[1]))"


@dataclass(frozen=True)
class Shape:
    """A made-up collection: who needs what.

    Attributes:
        on: layer to the layers that it stands on; the first is the base.
        asks: layer to the packages it names, by number.
        requires: for each package, by number, the packages that it requires.
        images: image to its layers.
    """

    on: dict[str, list[str]]
    asks: dict[str, list[int]]
    requires: list[list[int]]
    images: dict[str, list[str]]


@dataclass(frozen=True)
class Run:
    """What a process took: wall-clock seconds, CPU seconds, and MB of memory at its peak."""

    seconds: float
    cpu: float
    memory: float


def invent(images: int, *, tangled: bool) -> Shape:
    """The same collection every time.

    As collections are, a few packages are required by most others, the first
    layers ask for those, and each further layer asks for some of its own. Where
    it is *tangled*, every layer asks for any packages and those require any others.
    """
    dice = random.Random(2)  # noqa: S311 - a made-up stack, no secret
    names = [f"layer{number:03}" for number in range(1, LAYERS)]
    lean = 1 if tangled else 4
    on: dict[str, list[str]] = {"base": [], names[0]: ["base"]}
    asks = {names[0]: list(range(0, 60, 2))}
    for number, name in enumerate(names[1:], 1):
        below = names[: min(number, _BRANCHES)]
        on[name] = sorted(dice.sample(below, min(len(below), 1 + number % 2)))
        own = range(PACKAGES) if tangled else _share(number)
        asks[name] = sorted(dice.sample(own, min(len(own), 6)))
    requires = [
        sorted({int(number * dice.random() ** lean) for _ in range(dice.choice([0, 0, 1, 2, 4]))})
        if number
        else []
        for number in range(PACKAGES)
    ]
    chosen = {
        f"image{number:03}": sorted(
            {names[number % len(names)], *dice.sample(names, dice.randint(0, 3))}
        )
        for number in range(images)
    }
    return Shape(on, asks, requires, _all_used(chosen, names))


def _share(number: int) -> range:
    """The packages that a layer draws from: a stretch of its own, with some neighbours'."""
    width = PACKAGES // LAYERS
    return range(number * width, min(PACKAGES, (number + 3) * width))


def _all_used(images: dict[str, list[str]], layers: list[str]) -> dict[str, list[str]]:
    """Give each layer that no image has to one of them."""
    used = {name for own in images.values() for name in own}
    names = list(images)
    for number, name in enumerate(sorted(set(layers) - used)):
        images[names[number % len(names)]].append(name)
    return images


def stack_file(shape: Shape, variants: int) -> str:
    """The collection as a stack file."""
    return "\n".join(_stack_lines(shape, [f"v{number}" for number in range(variants)])) + "\n"


def _stack_lines(shape: Shape, variants: list[str]) -> Iterator[str]:
    yield "registry: ghcr.io/acme/hub"
    yield "variants:"
    for number, name in enumerate(variants):
        yield f"  {name}: {{suite: {'bookworm' if number % 2 else 'trixie'}, number: {number}}}"
    yield "layers:"
    yield '  base: {from: {debian: "{{ suite }}"}, apt: [python3, git]}'
    for name, below in shape.on.items():
        if not below:
            continue
        yield f"  {name}:"
        yield f"    on: [{', '.join(below)}]"
        yield f"    pip: [{', '.join(f'package{number}' for number in shape.asks[name])}]"
        yield f'    env: {{ORIGIN_{name.upper()}: "{{{{ layer }}}} in {{{{ variant }}}}"}}'
    yield "images:"
    for name, layers in shape.images.items():
        yield f"  {name}:"
        yield f"    layers: [{', '.join(layers)}]"
        yield f"    profile: {{display_name: {name.title()}}}"


def lock_for(shape: Shape, path: Path) -> Lock:
    """The lock of the stack file at *path*."""
    needs = _needs(shape)
    resolutions = {}
    for unit in units(load(path)):
        document = asked(unit, ())
        resolutions[unit.variant, unit.base] = Resolution(
            variant=unit.variant,
            base=unit.base,
            inputs=digest(document),
            asked=document,
            bases={platform: _base(unit) for platform in unit.platforms},
            packages=tuple(_package(shape, number, needs[number], unit) for number in needs),
        )
    return Lock(resolutions)


def _needs(shape: Shape) -> dict[int, tuple[Need, ...]]:
    """Each package that anybody needs, and the layers whose requirements reach it."""
    reached: dict[int, set[str]] = {}
    for layer, wanted in shape.asks.items():
        todo = list(wanted)
        while todo:
            number = todo.pop()
            layers = reached.setdefault(number, set())
            if layer not in layers:
                layers.add(layer)
                todo += shape.requires[number]
    order = sorted(reached, key=lambda number: f"package{number}")
    return {n: tuple(Need(layer) for layer in sorted(reached[n])) for n in order}


def _package(shape: Shape, number: int, needs: tuple[Need, ...], unit: Unit) -> LockedPackage:
    dice = random.Random(number)  # noqa: S311 - a made-up size
    size = int(dice.lognormvariate(12.6, 1.9))
    version = f"1.{number % 17}.{len(unit.variant)}"
    sha256 = hashlib.sha256(f"{number} {unit.variant}".encode()).hexdigest()
    wheel = Wheel(f"package{number}-{version}-py3-none-any.whl", sha256, size)
    return LockedPackage(
        name=f"package{number}",
        version=version,
        needs=needs,
        wheels=dict.fromkeys(unit.platforms, wheel),
        requires=tuple(sorted(f"package{n}" for n in shape.requires[number])),
        requested=any(number in wanted for wanted in shape.asks.values()),
    )


def _base(unit: Unit) -> LockedBase:
    suite = str(unit.layers[unit.base].base).rpartition(" ")[2]
    version = {"bookworm": "3.11.2", "trixie": "3.13.5"}[suite]
    minor = version.rpartition(".")[0]
    library = f"usr/local/lib/python{minor}/dist-packages"
    scheme = Scheme(
        library, library, "usr/local/bin", "usr/local", f"usr/local/include/python{minor}"
    )
    return LockedBase(
        source=str(unit.layers[unit.base].base),
        digest=f"sha256:{hashlib.sha256(suite.encode()).hexdigest()}",
        python=PythonFacts(version, f"/usr/bin/python{minor}", scheme, "2.36"),
        debs={f"deb{number}": f"{number}.0-1" for number in range(150)},
    )


def measured(command: list[str]) -> Run:
    """Run a command to its end."""
    began = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    seconds = time.perf_counter() - began
    if process.returncode:
        raise SystemExit(f"{' '.join(command)}: exit {process.returncode}")
    return Run(seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024 / 1e6)


def measure(images: int, variants: int, tangled: bool, *, rounds: int, profile: bool) -> bool:
    """Measure one shape and print it; whether it reaches the goal."""
    stackyard = str(Path(sys.executable).with_name("stackyard"))
    with tempfile.TemporaryDirectory(prefix="stackyard-plan-") as folder:
        path = Path(folder, "stackyard.yaml")
        shape = invent(images, tangled=tangled)
        path.write_text(stack_file(shape, variants))
        lock = lock_for(shape, path)
        write_lock(path.with_suffix(".lock"), lock)
        plan = [
            stackyard,
            "plan",
            "--offline",
            "--file",
            str(path),
            "--store",
            str(Path(folder, "store")),
        ]
        read = [sys.executable, "-c", _READ, str(path)]
        taken: dict[str, list[Run]] = {"plan": [], "read": []}
        for _ in range(rounds):
            taken["read"].append(measured(read))
            taken["plan"].append(measured(plan))
        last = subprocess.run(plan, capture_output=True, text=True, check=True).stdout
        if profile:
            _profile(plan)
        sizes = [path.stat().st_size, path.with_suffix(".lock").stat().st_size]
    packages = max(len(resolution.packages) for resolution in lock.resolutions.values())
    print(f"\n{LAYERS} layers, {images} images x {variants} variants = {images * variants} targets")
    if tangled:
        print("  tangled")
    print(f"  {packages} packages; stack file {sizes[0] >> 10} KiB, lock {sizes[1] >> 10} KiB")
    plans, reads = _median(taken["plan"]), _median(taken["read"])
    print("                          wall     CPU   memory")
    print(f"  stackyard plan      {_told(plans)}   {last.splitlines()[-1]}")
    print(f"  ruamel.yaml reads   {_told(reads)}")
    print(f"  plan / read         {plans.seconds / reads.seconds:8.1f}")
    reached = plans.seconds < GOAL_SECONDS and plans.memory < GOAL_MB
    print(f"  goal {GOAL_SECONDS} s, {GOAL_MB} MB: {'reached' if reached else 'missed'}")
    return reached


def _median(taken: list[Run]) -> Run:
    return Run(
        median(run.seconds for run in taken),
        median(run.cpu for run in taken),
        median(run.memory for run in taken),
    )


def _told(run: Run) -> str:
    return f"{run.seconds:6.2f} s {run.cpu:5.2f} s {run.memory:5.0f} MB"


def _profile(command: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "cProfile", "-s", "cumulative", *command],
        capture_output=True,
        text=True,
        check=True,
    )
    lines = done.stdout.splitlines()
    start = next(n for n, line in enumerate(lines) if "function calls" in line)
    print("\n".join(lines[start : start + 70]))


def main() -> int:
    """Measure all shapes; exit code 1 when one misses the goal."""
    parser: Any = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--profile", action="store_true", help="show where the time goes")
    parser.add_argument("--rounds", type=int, default=5, metavar="N", help="runs (default 5)")
    arguments = parser.parse_args()
    reached = [
        measure(*shape, rounds=arguments.rounds, profile=arguments.profile) for shape in SHAPES
    ]
    return int(not all(reached))


if __name__ == "__main__":
    sys.exit(main())
