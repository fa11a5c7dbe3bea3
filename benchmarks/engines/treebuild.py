"""Building a tree of Dockerfiles with Stackyard, and what was seen of it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from engines.programs import ProgramError, run, tail

_INTERVAL = 0.02


@dataclass
class Built:
    """A `stackyard build` that ended well.

    Attributes:
        seconds: wall-clock time of the whole command.
        memory: MB that the process itself had at its peak, without those it starts.
        steps: names of the Containerfiles that were run.
        at_once: how many of them ran at the same time, at the most.
    """

    seconds: float = 0.0
    memory: float = 0.0
    steps: set[str] = field(default_factory=set)
    at_once: int = 0


class Stackyard:
    """The command, with a store of its own.

    Args:
        stack_file: what it builds.
        store: does not exist yet.
    """

    def __init__(self, stack_file: Path, store: Path) -> None:
        program = Path(sys.executable).with_name("stackyard")
        self._where = ("--file", stack_file, "--store", store)
        self._program = str(program)
        self._log = store.with_name("stackyard.log")
        strange = ("STACKYARD_", "XDG_", "BUILDAH_")
        self._env = {
            name: value for name, value in os.environ.items() if not name.startswith(strange)
        }

    def lock(self) -> None:
        """Write the lock; brings in the base."""
        run([self._program, "lock", *self._where], env=self._env)

    def export(self, image: str, archive: Path) -> None:
        """Build an image, if it must be, and write it for `docker load`."""
        words = ("build", *self._where, "--output", f"docker-archive:{archive}", image)
        run([self._program, *words], env=self._env)

    def build(self, *, jobs: int | None = None) -> Built:
        """Build all images, the engine being buildah.

        Raises:
            ProgramError: it failed.
        """
        words = [self._program, "build", "--json", "--engine", "buildah", *map(str, self._where)]
        if jobs:
            words += ["--jobs", str(jobs)]
        built = Built()
        began = time.monotonic()
        with (
            self._log.open("w") as err,
            subprocess.Popen(
                words,
                env=self._env,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=err,
                text=True,
            ) as process,
        ):
            watch = threading.Thread(target=_watch, args=(process, built), daemon=True)
            watch.start()
            running = 0
            for line in process.stdout or ():
                event = json.loads(line)
                if event["step"] != "containerfile":
                    continue
                running += (event["event"] == "started") - (event["event"] == "finished")
                built.at_once = max(built.at_once, running)
                if event["event"] == "finished":
                    built.steps.add(event["name"])
            process.wait()
            built.seconds = time.monotonic() - began
        watch.join()
        if process.returncode:
            said = tail(self._log.read_text())
            raise ProgramError(f"stackyard build: exit {process.returncode}\n{said}")
        return built


def _watch(process: subprocess.Popen[str], built: Built) -> None:
    """Note the peak of the resident memory for as long as a process lives (proc(5), VmHWM)."""
    status = Path(f"/proc/{process.pid}/status")
    while process.poll() is None:
        with suppress(OSError):
            for line in status.read_text().splitlines():
                if line.startswith("VmHWM:"):
                    built.memory = max(built.memory, int(line.split()[1]) / 1024)
        time.sleep(_INTERVAL)


def missing_programs(*names: str) -> list[str]:
    """Which programs are not installed."""
    return [name for name in names if not shutil.which(name)]
