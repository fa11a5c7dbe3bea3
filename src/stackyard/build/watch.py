"""From the fate of tasks to the events of steps, results remembered on the way."""

from __future__ import annotations

import queue
import time
from collections.abc import Callable, Mapping
from typing import Any

from stackyard.build.events import (
    Advanced,
    Event,
    Failed,
    Finished,
    Listener,
    Skipped,
    Started,
)
from stackyard.build.plan import Plan
from stackyard.build.results import Made, remember
from stackyard.build.scheduler import Task, Watcher
from stackyard.build.steps import EngineStep, GroupStep, Step
from stackyard.oci.store import Store

FETCH = "fetch"

OnMade = Callable[[Step, Made], None]
"""Told of each result the moment it is there, in the driving thread."""


class StepWatcher(Watcher):
    """Tells a listener of steps; a group's wheels and segments count as parts of it.

    Args:
        plan: whose steps are watched.
        store: where results are remembered.
        listener: told of every event, in the driving thread.
        said: events that other threads put in.
        owners: task id to the key of the step that it is a part of.
        downloads: bytes of all wheels to fetch.
        on_made: told of each step's result.
    """

    def __init__(
        self,
        plan: Plan,
        store: Store,
        listener: Listener,
        said: queue.SimpleQueue[Event],
        owners: Mapping[str, str],
        downloads: int,
        on_made: OnMade | None = None,
    ) -> None:
        self._plan = plan
        self._store = store
        self._tell = listener
        self._said = said
        self._owners = owners
        self._on_made = on_made
        self._begun: dict[str, float] = {}
        self._downloads = downloads
        self._wheels = sum(id_.startswith("wheel:") for id_ in owners)
        self._fetching = time.monotonic()
        if downloads:
            listener(Started(step=FETCH, name="wheels", total=downloads))

    def _step(self, task: Task) -> Step:
        return self._plan.decisions[self._owners.get(task.id, task.id)].step

    def started(self, task: Task) -> None:
        """A step starts with the first of its parts that is not a download."""
        step = self._step(task)
        if task.id.startswith(("wheel:", "python:")) or step.key in self._begun:
            return
        self._begun[step.key] = time.monotonic()
        total = step.size if isinstance(step, GroupStep) else 0
        log = str(step.log(self._store)) if isinstance(step, EngineStep) else ""
        self._tell(Started(step=step.kind, name=step.name, scope=step.scope, total=total, log=log))

    def finished(self, task: Task, result: Any) -> None:
        """Remember a step's result at once: what is done stays done."""
        self.tick()
        if task.id.startswith("wheel:"):
            self._downloaded()
        step = self._step(task)
        if isinstance(result, Made):
            remember(self._store, step, result, project=self._plan.project)
            if self._on_made:
                self._on_made(step, result)
            self._tell(
                Finished(
                    step=step.kind,
                    name=step.name,
                    scope=step.scope,
                    size=result.size,
                    seconds=round(time.monotonic() - self._begun[step.key], 3),
                    digest=result.manifest.digest if result.manifest else "",
                )
            )
        elif task.id.startswith("segment:"):
            self._tell(Advanced(step=step.kind, name=step.name, scope=step.scope, done=task.weight))

    def _downloaded(self) -> None:
        self._wheels -= 1
        if not self._wheels:
            seconds = round(time.monotonic() - self._fetching, 3)
            self._tell(Finished(step=FETCH, name="wheels", size=self._downloads, seconds=seconds))

    def failed(self, task: Task, error: Exception) -> None:
        """Name the step that a failed part belongs to."""
        step = self._step(task)
        self._tell(Failed(step=step.kind, name=step.name, scope=step.scope, message=str(error)))

    def skipped(self, task: Task, because: str) -> None:
        """Tell of whole steps only."""
        if task.id in self._plan.decisions:
            step = self._step(task)
            blame = self._plan.decisions[self._owners.get(because, because)].step
            self._tell(
                Skipped(
                    step=step.kind,
                    name=step.name,
                    scope=step.scope,
                    because=f"{blame.kind} {blame.name}",
                )
            )

    def tick(self) -> None:
        """Pass on what other threads said."""
        while True:
            try:
                event = self._said.get_nowait()
            except queue.Empty:
                return
            self._tell(event)
