"""Doing a plan, in parallel, each result remembered the moment it is there.

Downloads, bases and assembly wait for others and so run in threads; packing is
work and runs in processes; engines are processes of their own, and count as such.
A build that is killed loses only what was under way.
"""

from __future__ import annotations

import queue
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from stackyard.build import work
from stackyard.build.bases import make_base
from stackyard.build.caches import addresses, wheels
from stackyard.build.engine_steps import DEFAULTS, EngineOptions, check_secrets, engine_runner
from stackyard.build.events import Advanced, Event, Listener, Said
from stackyard.build.history import note_project
from stackyard.build.plan import Plan
from stackyard.build.results import Made
from stackyard.build.revision import revision
from stackyard.build.scheduler import Outcome, Slots, run
from stackyard.build.steps import BaseStep
from stackyard.build.tasks import Pull, TaskGraph
from stackyard.build.watch import FETCH, OnMade, StepWatcher
from stackyard.errors import StackyardError
from stackyard.lock.fetch import Fetcher
from stackyard.oci.store import Store
from stackyard.stack.values import Stack, Target

_THREADS = 10
"""Downloads at once: enough to hide an index's latency, few enough to be welcome."""


@dataclass(frozen=True)
class Built:
    """How a build ended.

    Attributes:
        images: each target that is whole.
        errors: what failed, by step.
        incomplete: each target that is not whole, and the step that is to blame.
        undone: keys of the steps that were to be built and were not.
    """

    images: Mapping[Target, Made]
    errors: Mapping[str, StackyardError]
    incomplete: Mapping[Target, str]
    undone: frozenset[str] = frozenset()


def _nowhere(made: Made) -> Made:
    raise TypeError(f"nothing is elsewhere: {made}")


def perform(
    plan: Plan,
    stack: Stack,
    store: Store,
    *,
    jobs: int,
    listener: Listener,
    on_made: OnMade | None = None,
    engines: EngineOptions = DEFAULTS,
    keep_going: bool = True,
    pull: Pull = _nowhere,
    pull_images: bool = False,
) -> Built:
    """Build what a plan says must be built.

    Args:
        plan: the plan.
        stack: the stack it was made from.
        store: where everything goes.
        jobs: how many processes work at once, packers and engines together.
        listener: told what happens.
        on_made: told of each result, also of those that are reused, at once.
        engines: how steps that need a container engine are done.
        pull: brings blobs here that are elsewhere.
        pull_images: also those of images that need no building.
        keep_going: a failure stops only what stands on it; else everything.

    Returns:
        What is whole and what failed.

    Raises:
        InputError: a secret that a step needs is not given, or one that none has is.
        OutsideError: steps need a container engine and there is none.
    """
    check_secrets(stack, engines.secrets)
    if on_made:
        for decision in plan.decisions.values():
            if decision.made and decision.here:
                on_made(decision.step, decision.made)
    absent = pull_images and any(not plan.decisions[key].here for key in plan.images.values())
    if not plan.to_build and not absent:
        return _built(plan, {}, Outcome())
    note_project(store, plan.project, stack.path)
    said: queue.SimpleQueue[Event] = queue.SimpleQueue()

    def fetched(count: int) -> None:
        said.put(Advanced(step=FETCH, name="wheels", done=count))

    def bring(step: BaseStep) -> Made:
        def report(line: str) -> None:
            said.put(Said(step=step.kind, name=step.name, scope=step.scope, line=line))

        return work.base_result(store, make_base(step, store, stack.root, report))

    with (
        Fetcher(wheels(store), advance=fetched, url_cache=addresses(store)) as fetcher,
        engine_runner(plan, stack, store, engines, said.put) as run_engine,
    ):
        graph = TaskGraph(
            plan,
            store,
            stack.root,
            fetcher.get,
            bring,
            run_engine,
            pull,
            revision(stack.root),
            pull_images=pull_images,
        )
        downloads = sum(wheel.size for wheel in graph.downloads.values())
        watcher = StepWatcher(plan, store, listener, said, graph.owners, downloads, on_made)
        slots = Slots(jobs)
        packing = any(task.lane == "process" for task in graph.tasks)
        with (
            work.processes(jobs, begin=packing) as processes,
            work.ending(ThreadPoolExecutor(jobs)) as waiting,
            work.ending(ThreadPoolExecutor(_THREADS)) as threads,
        ):
            outcome = run(
                graph.tasks,
                # Engines first: what stands on them waits longest.
                lanes={
                    "engine": (waiting, slots),
                    "process": (processes, slots),
                    "thread": (threads, Slots(_THREADS)),
                },
                watcher=watcher,
                keep_going=keep_going,
            )
    return _built(plan, graph.owners, outcome)


def _built(plan: Plan, owners: Mapping[str, str], outcome: Outcome) -> Built:
    def name(task: str) -> str:
        step = plan.decisions[owners.get(task, task)].step
        return f"{step.kind} {step.name} ({step.scope})"

    images: dict[Target, Made] = {}
    incomplete: dict[Target, str] = {}
    for target, key in plan.images.items():
        made = plan.decisions[key].made or outcome.results.get(key)
        if isinstance(made, Made):
            images[target] = made
        else:
            incomplete[target] = name(outcome.skipped.get(key, key))
    errors: dict[str, StackyardError] = {}
    for task, error in outcome.errors.items():
        if not isinstance(error, StackyardError):
            raise error
        errors[name(task)] = error
    undone = frozenset(d.step.key for d in plan.to_build) - outcome.results.keys()
    return Built(images, errors, incomplete, undone)
