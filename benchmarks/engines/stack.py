"""Stackyard's side: a stack file, its lock, and stores to push from."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from engines.programs import ProgramError, run, tail
from stackyard.lock.file import read_lock
from stackyard.lock.model import LockedPackage

LEAF = "seaborn"
LEAF_VERSIONS = ("0.13.2", "0.13.1", "0.13.0", "0.12.2", "0.12.1", "0.12.0", "0.11.2")
"""What the leaf layer holds at first, then after each change."""

_STACK = """\
registry: {registry}
bytecode: {bytecode}
layers:
  base: {{from: "{base}"}}
  notebook:
    on: base
    pip: [jupyterlab, jupyterhub, notebook, ipywidgets]
  science:
    on: notebook
    pip: [numpy, pandas, scipy, matplotlib, scikit-learn, scikit-image, dask, bokeh,
          statsmodels, sympy, numba, cython, h5py, tables, sqlalchemy]
  plots: {{on: science, pip: [{leaf}]}}
images:
  {image}: {{layers: [plots]}}
"""


@dataclass
class Phase:
    """One kind of step during a push.

    Attributes:
        begin, end: seconds since the command began; it is under way in between.
        busy: the steps' own seconds together: more than the span when they run
            beside each other.
        steps: how many.
    """

    begin: float
    end: float = 0.0
    busy: float = 0.0
    steps: int = 0


@dataclass
class Pushed:
    """A `stackyard push` that ended well.

    Attributes:
        seconds: wall-clock time of the whole command.
        phases: by kind of step, in the order in which they began.
        end: when the last step had ended; what is left is the rest of the push.
    """

    seconds: float = 0.0
    phases: dict[str, Phase] = field(default_factory=dict)
    end: float = 0.0

    def note(self, now: float, event: Mapping[str, Any]) -> None:
        """Take in one event of ``--json``, seen *now* seconds after the start."""
        step = str(event.get("step", ""))
        if event["event"] == "started":
            self.phases.setdefault(step, Phase(now))
        elif event["event"] == "finished":
            phase = self.phases.setdefault(step, Phase(now))
            phase.end = self.end = now
            phase.busy += event["seconds"]
            phase.steps += 1


class Stack:
    """A stack file in a folder of its own.

    Args:
        folder: does not exist yet.
        base: the base image's reference.
        repository: where the image is pushed: registry, folder and image.
        bytecode: whether packages are compiled.
        settings: index settings, as uv's variables.
        certificates: the file of certificates to trust, if not the usual.
    """

    def __init__(
        self,
        folder: Path,
        *,
        base: str,
        repository: str,
        bytecode: bool,
        settings: Mapping[str, str],
        certificates: Path | None,
    ) -> None:
        folder.mkdir(parents=True)
        self._folder = folder
        self._base = base
        self._repository = repository
        self._bytecode = bytecode
        self._program = Path(sys.executable).with_name("stackyard")
        strange = ("UV_", "PIP_", "STACKYARD_", "XDG_", "DOCKER_", "REGISTRY_")
        self._env = {
            **{name: value for name, value in os.environ.items() if not name.startswith(strange)},
            **settings,
            **({"SSL_CERT_FILE": str(certificates)} if certificates else {}),
            "PIP_CONFIG_FILE": os.devnull,
            "UV_NO_CONFIG": "1",
            "XDG_CACHE_HOME": str(folder / "caches"),
            "DOCKER_CONFIG": str(folder),
        }
        self.ask(LEAF_VERSIONS[0])

    def ask(self, leaf_version: str) -> None:
        """Write the stack file, with this version in the leaf layer."""
        registry, _, image = self._repository.rpartition("/")
        text = _STACK.format(
            registry=registry,
            image=image,
            base=self._base,
            bytecode=str(self._bytecode).lower(),
            leaf=f"{LEAF}=={leaf_version}",
        )
        (self._folder / "stackyard.yaml").write_text(text)

    def lock(self, store: Path) -> float:
        """Resolve; what is brought in for it stays in *store*. Seconds."""
        began = time.monotonic()
        run([self._program, "lock", *self._where(store)], env=self._env)
        return time.monotonic() - began

    def cold(self, template: Path, store: Path) -> None:
        """Make *store* one that has the base and nothing else."""
        shutil.rmtree(store, ignore_errors=True)
        run(["cp", "-a", template, store])
        shutil.rmtree(store / "cache", ignore_errors=True)
        shutil.rmtree(self._folder / "caches", ignore_errors=True)

    def push(self, store: Path) -> Pushed:
        """Build and push.

        Raises:
            ProgramError: it failed.
        """
        pushed = Pushed()
        log = self._folder / "push.log"
        began = time.monotonic()
        with (
            log.open("w") as err,
            subprocess.Popen(
                [self._program, "push", "--json", "--no-attest", *self._where(store)],
                env=self._env,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=err,
                text=True,
            ) as process,
        ):
            for line in process.stdout or ():
                pushed.note(time.monotonic() - began, json.loads(line))
        pushed.seconds = time.monotonic() - began
        if process.returncode:
            raise ProgramError(
                f"stackyard push: exit {process.returncode}\n{tail(log.read_text())}"
            )
        return pushed

    def requirements(self) -> tuple[list[str], list[str]]:
        """What is locked, as ``name==version``: all but the leaf's own, and the leaf's own."""
        (resolution,) = read_lock(self._folder / "stackyard.lock").resolutions.values()
        own = [p for p in resolution.packages if {need.layer for need in p.needs} == {"plots"}]
        return _pins(p for p in resolution.packages if p not in own), _pins(own)

    def _where(self, store: Path) -> tuple[str | Path, ...]:
        return ("--file", self._folder / "stackyard.yaml", "--store", store)


def _pins(packages: Iterable[LockedPackage]) -> list[str]:
    return sorted(f"{package.name}=={package.version}" for package in packages)
