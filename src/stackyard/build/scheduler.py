"""Running a graph of tasks, each as soon as what it stands on is done.

A failed task stops what stands on it and nothing else.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from dataclasses import dataclass, field
from typing import Any, Literal

Lane = Literal["engine", "process", "thread"]


@dataclass
class Slots:
    """How many tasks may run at once; lanes that share them are bounded together."""

    free: int


@dataclass(frozen=True)
class Task:
    """One call of `work(*arguments(results))`.

    Attributes:
        id: unique in the graph.
        needs: ids of the tasks that must be done before.
        work: a module-level function when the lane is ``process``.
        arguments: makes the positional arguments when the task starts, from the
            results of finished tasks; runs in the driving thread.
        cost: bigger starts earlier, so that a long task is not left for the end.
        weight: how much of its step's work it is, in bytes; for showing progress.
    """

    id: str
    lane: Lane
    work: Callable[..., Any]
    arguments: Callable[[Mapping[str, Any]], tuple[Any, ...]]
    needs: tuple[str, ...] = ()
    cost: int = 0
    weight: int = 0


@dataclass
class Outcome:
    """How a graph ended: results by id, errors by id, and who was skipped by whom."""

    results: dict[str, Any] = field(default_factory=dict)
    errors: dict[str, Exception] = field(default_factory=dict)
    skipped: dict[str, str] = field(default_factory=dict)


class Watcher:
    """Told of each task's fate, in the driving thread; the default ignores it."""

    def started(self, task: Task) -> None:
        """A worker is free for the task and it was handed over."""

    def finished(self, task: Task, result: Any) -> None:
        """The task is done."""

    def failed(self, task: Task, error: Exception) -> None:
        """The task raised."""

    def skipped(self, task: Task, because: str) -> None:
        """The task with id *because* failed, so this one is not tried."""

    def tick(self) -> None:
        """Called about ten times a second while tasks run."""


class _Run:
    """The state of one run of a graph."""

    def __init__(
        self,
        tasks: Iterable[Task],
        lanes: Mapping[Lane, tuple[Executor, Slots]],
        watcher: Watcher,
        *,
        keep_going: bool,
    ) -> None:
        self.tasks = {t.id: t for t in tasks}
        self.lanes = lanes
        self.watcher = watcher
        self.keep_going = keep_going
        self.outcome = Outcome()
        self.waiting = {t.id: set(t.needs) for t in self.tasks.values()}
        self.above: dict[str, list[str]] = {}
        for task in self.tasks.values():
            for need in task.needs:
                self.above.setdefault(need, []).append(task.id)
        self.ready: dict[Lane, list[tuple[int, str]]] = {lane: [] for lane in lanes}
        self.running: dict[Future[Any], Task] = {}

    def drive(self) -> Outcome:
        for task in self.tasks.values():
            if not self.waiting[task.id]:
                self._queue(task)
        try:
            while self._start() or self.running:
                done, _ = wait(self.running, timeout=0.1, return_when=FIRST_COMPLETED)
                for future in done:
                    self._collect(future)
                self.watcher.tick()
        except BaseException:
            for future in self.running:
                future.cancel()
            raise
        return self.outcome

    def _queue(self, task: Task) -> None:
        heapq.heappush(self.ready[task.lane], (-task.cost, task.id))

    def _start(self) -> bool:
        """Hand ready tasks to free workers; whether any was handed over or failed at once."""
        moved = False
        for lane, (executor, slots) in self.lanes.items():
            while self.ready[lane] and slots.free:
                task = self.tasks[heapq.heappop(self.ready[lane])[1]]
                moved = True
                self.watcher.started(task)
                try:
                    future = executor.submit(task.work, *task.arguments(self.outcome.results))
                except Exception as error:
                    self._fail(task, error)
                    continue
                self.running[future] = task
                slots.free -= 1
        return moved

    def _give_up(self, because: str) -> None:
        """Let what runs come to its end, and start nothing more."""
        begun = {task.id for task in self.running.values()} | self.outcome.errors.keys()
        for task in self.tasks.values():
            if task.id not in begun | self.outcome.results.keys() | self.outcome.skipped.keys():
                self.outcome.skipped[task.id] = because
                self.watcher.skipped(task, because)
        for queue in self.ready.values():
            queue.clear()

    def _collect(self, future: Future[Any]) -> None:
        task = self.running.pop(future)
        self.lanes[task.lane][1].free += 1
        error = future.exception()
        if isinstance(error, Exception):
            self._fail(task, error)
        elif error is not None:
            raise error
        else:
            self.outcome.results[task.id] = future.result()
            self.watcher.finished(task, future.result())
            self._release(task)

    def _release(self, task: Task) -> None:
        for above in self.above.get(task.id, ()):
            needs = self.waiting[above]
            needs.discard(task.id)
            if not needs and above not in self.outcome.skipped:
                self._queue(self.tasks[above])

    def _fail(self, task: Task, error: Exception) -> None:
        self.outcome.errors[task.id] = error
        self.watcher.failed(task, error)
        pending = list(self.above.get(task.id, ()))
        while pending:
            above = pending.pop()
            if above not in self.outcome.skipped:
                self.outcome.skipped[above] = task.id
                self.watcher.skipped(self.tasks[above], task.id)
                pending += self.above.get(above, ())
        if not self.keep_going:
            self._give_up(task.id)


def run(
    tasks: Iterable[Task],
    *,
    lanes: Mapping[Lane, tuple[Executor, Slots]],
    watcher: Watcher | None = None,
    keep_going: bool = True,
) -> Outcome:
    """Run a graph of tasks to its end.

    Args:
        tasks: every task that another one needs must be among them.
        lanes: for each lane its executor and how many tasks it takes at once; lanes
            named first are served first.
        watcher: told of each task's fate.
        keep_going: after a failure do all that does not stand on it; else nothing more
            is started.

    Raises:
        ValueError: a task needs one that is not there, or the graph has a cycle.
        KeyboardInterrupt: and whatever else stops the driving thread; tasks not
            yet begun are cancelled.
    """
    state = _Run(tasks, lanes, watcher or Watcher(), keep_going=keep_going)
    unknown = {need for t in state.tasks.values() for need in t.needs} - state.tasks.keys()
    if unknown:
        raise ValueError(f"tasks need unknown tasks: {sorted(unknown)}")
    outcome = state.drive()
    ended = outcome.results.keys() | outcome.errors.keys() | outcome.skipped.keys()
    if left := state.tasks.keys() - ended:
        raise ValueError(f"tasks wait for each other: {sorted(left)}")
    return outcome
