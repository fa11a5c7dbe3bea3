"""How long `stackyard --help` takes, beside Python alone and `pip --help`.

    python benchmarks/startup.py

Median wall-clock time of 20 runs each, taking turns; the goal is under 0.2 s.
"""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from statistics import median

RUNS = 20
GOAL = 0.2
COMMANDS = {
    "python -c pass": [sys.executable, "-c", "pass"],
    "pip --help": [sys.executable, "-m", "pip", "--help"],
    "stackyard --help": [str(Path(sys.executable).with_name("stackyard")), "--help"],
}


def seconds(command: list[str]) -> float:
    """Run a command; the seconds that it took."""
    began = time.perf_counter()
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - began


def main() -> int:
    """Measure, and print; exit code 1 when the goal is missed."""
    for command in COMMANDS.values():
        seconds(command)  # files into memory, bytecode onto the disk
    times: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for _ in range(RUNS):
        for name, command in COMMANDS.items():
            times[name].append(seconds(command))
    for name, taken in times.items():
        print(f"{name:18} {median(taken):.3f} s  ({min(taken):.3f} to {max(taken):.3f})")
    ours = median(times["stackyard --help"])
    print(f"pip / stackyard    {median(times['pip --help']) / ours:.2f}")
    print(f"goal {GOAL} s: {'reached' if ours < GOAL else 'missed'}")
    return int(ours >= GOAL)


if __name__ == "__main__":
    sys.exit(main())
