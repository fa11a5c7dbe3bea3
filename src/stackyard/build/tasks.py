"""A plan as a graph of tasks for the scheduler.

A group is several: each of its wheels is fetched and packed into a segment on its
own, so that all processes have work, and the group's blob is put together last.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from stackyard.build import work
from stackyard.build.assembly import assemble_image
from stackyard.build.caches import packed_wheels
from stackyard.build.interpreters import local_compiler, own_compiler
from stackyard.build.plan import Plan
from stackyard.build.results import Made
from stackyard.build.scheduler import Task
from stackyard.build.steps import (
    AccountsStep,
    BaseStep,
    EngineStep,
    FilesStep,
    GroupStep,
    ImageStep,
    Step,
)
from stackyard.build.wheels import wheel_task
from stackyard.lock.model import LockedPackage, Wheel
from stackyard.oci.store import Store
from stackyard.pack.segment import Segment, cached_segment
from stackyard.pack.task import WheelTask, packing_cost, segment_key

Fetch = Callable[[str, Wheel], Path]
"""Brings the wheel of a package here, checked."""

MakeBase = Callable[[BaseStep], Made]

Below = Sequence[tuple[Step, Made]]
"""What a step stands on, from the bottom, the base first."""

Pull = Callable[[Made], Made]
"""Brings the blobs of a result here, from where they are."""

RunEngine = Callable[[EngineStep, Below], Made]

_FIRST = 1 << 40
"""The cost of what nothing else should wait for."""


@dataclass
class TaskGraph:
    """The tasks of everything that a plan builds.

    Attributes:
        tasks: in no particular order.
        owners: for a task that is a part of a step, the step's key.
        downloads: the wheels to be fetched, by sha256.
    """

    plan: Plan
    store: Store
    root: Path
    fetch: Fetch
    make_base: MakeBase
    run_engine: RunEngine
    pull: Pull
    revision: str
    pull_images: bool = False
    tasks: list[Task] = field(default_factory=list)
    owners: dict[str, str] = field(default_factory=dict)
    downloads: dict[str, Wheel] = field(default_factory=dict)
    _above: Counter[str] = field(init=False)

    def __post_init__(self) -> None:
        self._above = Counter(
            key
            for d in self.plan.to_build
            if isinstance(d.step, EngineStep)
            for key in d.step.needs
        )
        if self.pull_images:
            for key in self.plan.images.values():
                for part in (*self.plan.decisions[key].step.needs, key):
                    if part in self.plan.decisions:
                        self._add_pull(part)
        for decision in self.plan.to_build:
            if isinstance(decision.step, GroupStep):
                self._add_group(decision.step)
            else:
                self.tasks.append(self._single(decision.step))

    def _add_pull(self, key: str) -> str | None:
        """The task that brings a result's blobs here, when they are not."""
        decision = self.plan.decisions[key]
        if decision.made is None or decision.here:
            return None
        id_ = f"pull:{key}"
        if id_ not in self.owners:
            self.owners[id_] = key
            made = decision.made
            self.tasks.append(Task(id_, "thread", self.pull, lambda _: (made,), cost=_FIRST))
        return id_

    def _on_blobs(self, step: Step) -> tuple[str, ...]:
        """What has to be done before a step that reads the blobs of what it stands on."""
        pulls = tuple(filter(None, map(self._add_pull, step.needs)))
        return (*self._needs(step), *pulls)

    def _made(self, key: str, results: Mapping[str, Any]) -> Made:
        made = self.plan.decisions[key].made or results[key]
        if not isinstance(made, Made):
            raise TypeError(f"step {key} made {made!r}")
        return made

    def _needs(self, step: Step) -> tuple[str, ...]:
        return tuple(k for k in step.needs if self.plan.decisions[k].made is None)

    def _single(self, step: Step) -> Task:
        match step:
            case BaseStep():
                return Task(step.key, "thread", self.make_base, lambda _: (step,), cost=_FIRST)
            case AccountsStep():
                return self._accounts(step)
            case EngineStep():
                return Task(
                    step.key,
                    "engine",
                    self.run_engine,
                    lambda results: (step, self._parts(step, results)),
                    self._on_blobs(step),
                    # What most steps stand on first, so that engines do not run out of work.
                    cost=_FIRST + self._above[step.key],
                )
            case FilesStep():
                arguments = (self.store, self.root, step.entries, step.folders)
                return Task(step.key, "process", work.make_files, lambda _: arguments)
            case ImageStep():
                return Task(
                    step.key,
                    "thread",
                    assemble_image,
                    lambda results: (
                        self.store,
                        step,
                        self._parts(step, results),
                        self.revision,
                    ),
                    self._needs(step),
                )
            case _:
                raise TypeError(f"no way to make {step.kind}")

    def _accounts(self, step: AccountsStep) -> Task:
        return Task(
            step.key,
            "process",
            work.make_accounts,
            lambda results: (
                self.store,
                [layer for _, made in self._parts(step, results) for layer in made.layers],
                step.users,
            ),
            self._on_blobs(step),
        )

    def _parts(self, step: Step, results: Mapping[str, Any]) -> list[tuple[Step, Made]]:
        return [(self.plan.decisions[k].step, self._made(k, results)) for k in step.needs]

    def _add_group(self, step: GroupStep) -> None:
        # The larger group first, whole: putting it together takes long as well, and
        # the other processes then still have work.
        cost = sum(_cost(step, package) for package in step.packages)
        ids = tuple(self._add_segment(step, package, cost) for package in step.packages)
        self.tasks.append(
            Task(
                step.key,
                "process",
                work.make_group,
                lambda results: (self.store, [results[id_] for id_ in ids]),
                ids,
                # At once when its segments are there: a finished blob can be pushed
                # while others are packed.
                cost=_FIRST,
            )
        )

    def _add_segment(self, step: GroupStep, package: LockedPackage, cost: int) -> str:
        task = _task(step, package)
        key = segment_key(task)
        id_ = f"segment:{key}"
        if id_ not in self.owners:
            self.owners[id_] = step.key
            self.tasks += self._segment(step, package, task, id_, key, cost)
        return id_

    def _segment(
        self,
        step: GroupStep,
        package: LockedPackage,
        task: WheelTask,
        id_: str,
        key: str,
        cost: int,
    ) -> Iterator[Task]:
        wheel = package.wheels[step.platform]
        if found := cached_segment(packed_wheels(self.store), key):
            yield Task(id_, "thread", _known, lambda _: (found,), cost=cost, weight=wheel.size)
            return
        fetch = f"wheel:{wheel.sha256}"
        if wheel.sha256 not in self.downloads:
            self.downloads[wheel.sha256] = wheel
            self.owners[fetch] = step.key
            yield Task(
                fetch,
                "thread",
                self.fetch,
                lambda _: (package.name, wheel),
                cost=cost,
            )
        compiler = self._add_compiler(step)
        yield Task(
            id_,
            "process",
            work.make_segment,
            lambda results: (
                self.store,
                task,
                results[fetch],
                results[compiler] if compiler else None,
            ),
            (fetch, compiler) if compiler else (fetch,),
            cost=cost,
            weight=wheel.size,
        )

    def _base_ready(self, base: str) -> tuple[str, ...]:
        pull = self._add_pull(base)
        if pull:
            return (pull,)
        return () if self.plan.decisions[base].made else (base,)

    def _add_compiler(self, step: GroupStep) -> str | None:
        """The task that gives the compiler of a group's bytecode."""
        if not step.bytecode:
            return None
        minor, base = step.python.minor, step.compiler_base
        id_ = f"python:{base or minor}"
        if id_ in self.owners:
            return id_
        self.owners[id_] = step.key
        if base is None:
            task = Task(id_, "thread", local_compiler, lambda _: (minor,), cost=_FIRST)
        else:
            task = Task(
                id_,
                "thread",
                own_compiler,
                lambda results: (self.store, self._made(base, results).manifest, minor),
                self._base_ready(base),
                cost=_FIRST,
            )
        self.tasks.append(task)
        return id_


def _task(step: GroupStep, package: LockedPackage) -> WheelTask:
    return wheel_task(package, step.platform, step.python, bytecode=step.bytecode)


def _cost(step: GroupStep, package: LockedPackage) -> int:
    return packing_cost(_task(step, package), package.wheels[step.platform].size)


def _known(segment: Segment) -> Segment:
    return segment
