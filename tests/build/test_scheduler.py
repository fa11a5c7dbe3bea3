"""The scheduler: order, parallelism, failures."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stackyard.build.scheduler import Outcome, Slots, Task, Watcher, run


def start(tasks: list[Task], *, width: int = 2, watcher: Watcher | None = None) -> Outcome:
    with ThreadPoolExecutor(width) as pool:
        return run(tasks, lanes={"thread": (pool, Slots(width))}, watcher=watcher)


def task(name: str, *needs: str, cost: int = 0, work=None) -> Task:
    return Task(name, "thread", work or (lambda: name), lambda _: (), needs, cost)


def fails() -> None:
    raise ValueError("broken")


def test_results_reach_what_needs_them() -> None:
    add = Task("c", "thread", lambda a, b: a + b, lambda r: (r["a"], r["b"]), ("a", "b"))
    assert start([add, task("a"), task("b")]).results == {"a": "a", "b": "b", "c": "ab"}


def test_a_failure_stops_only_what_stands_on_it() -> None:
    outcome = start([task("a", work=fails), task("b", "a"), task("c", "b"), task("d")])
    assert outcome.results == {"d": "d"}
    assert outcome.skipped == {"b": "a", "c": "a"}
    assert str(outcome.errors["a"]) == "broken"


def test_arguments_that_cannot_be_made_fail_their_task() -> None:
    broken = Task("a", "thread", print, lambda r: (r["missing"],))
    assert list(start([broken, task("b", "a")]).skipped) == ["b"]


def test_independent_tasks_run_at_once() -> None:
    meet = threading.Barrier(2, timeout=10)
    outcome = start([task("a", work=meet.wait), task("b", work=meet.wait)])
    assert not outcome.errors


def test_a_lane_is_never_wider_than_asked() -> None:
    running, most, lock = 0, 0, threading.Lock()

    def count() -> None:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        threading.Event().wait(0.01)
        with lock:
            running -= 1

    start([task(str(i), work=count) for i in range(20)], width=3)
    assert most <= 3


def test_costly_tasks_start_first() -> None:
    order: list[str] = []

    class Notes(Watcher):
        def started(self, task: Task) -> None:
            order.append(task.id)

    start([task("small", cost=1), task("large", cost=9)], width=1, watcher=Notes())
    assert order == ["large", "small"]


def test_an_unknown_need_and_a_cycle_are_refused() -> None:
    with pytest.raises(ValueError, match="unknown"):
        start([task("a", "nobody")])
    with pytest.raises(ValueError, match="wait for each other"):
        start([task("a", "b"), task("b", "a")])


@given(st.data())
def test_every_task_ends_and_none_before_its_needs(data: st.DataObject) -> None:
    count = data.draw(st.integers(1, 12))
    needs = [
        data.draw(st.sets(st.integers(0, i - 1), max_size=3)) if i else set() for i in range(count)
    ]
    broken = data.draw(st.sets(st.integers(0, count - 1), max_size=2))
    ended: list[int] = []
    lock = threading.Lock()

    def work(i: int) -> None:
        with lock:
            assert needs[i] <= set(ended)
            if i in broken:
                raise ValueError(i)
            ended.append(i)

    tasks = [
        Task(str(i), "thread", work, lambda _, i=i: (i,), tuple(map(str, needs[i])))
        for i in range(count)
    ]
    outcome = start(tasks)
    assert set(map(str, ended)) == outcome.results.keys()
    assert outcome.errors.keys() <= set(map(str, broken))
    blamed = {int(i) for i in outcome.skipped}
    assert len(outcome.results) + len(outcome.errors) + len(blamed) == count
