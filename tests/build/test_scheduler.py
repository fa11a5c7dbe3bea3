"""The scheduler: order, parallelism, failures."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stackyard.build.scheduler import Outcome, Slots, Task, Watcher, run


def start(
    tasks: list[Task], *, width: int = 2, watcher: Watcher | None = None, keep_going: bool = True
) -> Outcome:
    with ThreadPoolExecutor(width) as pool:
        lanes = {"thread": (pool, Slots(width))}
        return run(tasks, lanes=lanes, watcher=watcher, keep_going=keep_going)


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


class Crowd:
    """Work that counts how much of it is done at once."""

    def __init__(self) -> None:
        self.now = self.most = 0
        self.lock = threading.Lock()

    def __call__(self) -> None:
        with self.lock:
            self.now += 1
            self.most = max(self.most, self.now)
        threading.Event().wait(0.005)
        with self.lock:
            self.now -= 1


def test_lanes_that_share_slots_are_bounded_together() -> None:
    crowd, meet, slots = Crowd(), threading.Barrier(3, timeout=10), Slots(3)
    firsts = [
        Task(f"first {i}", lane, meet.wait, lambda _: (), cost=9)
        for i, lane in enumerate(("engine", "process", "process"))
    ]
    others = [
        Task(f"{lane} {i}", lane, crowd, lambda _: ())
        for i in range(12)
        for lane in ("engine", "process")
    ]
    with ThreadPoolExecutor(9) as pool:
        lanes = {"engine": (pool, slots), "process": (pool, slots)}
        outcome = run([*firsts, *others], lanes=lanes)
    assert not outcome.errors
    assert crowd.most <= 3
    assert slots.free == 3


def test_lanes_with_slots_of_their_own_are_not() -> None:
    meet = threading.Barrier(2, timeout=10)
    tasks = [Task(lane, lane, meet.wait, lambda _: ()) for lane in ("engine", "thread")]
    with ThreadPoolExecutor(2) as pool:
        lanes = {"engine": (pool, Slots(1)), "thread": (pool, Slots(1))}
        assert not run(tasks, lanes=lanes).errors


def test_fail_fast_starts_nothing_more_and_lets_run_what_runs() -> None:
    failed, begun = threading.Event(), threading.Event()

    def bad() -> None:
        begun.wait(10)
        raise ValueError("broken")

    def slow() -> str:
        begun.set()
        assert failed.wait(10)
        return "done"

    class Notes(Watcher):
        told: ClassVar[list[tuple[str, str]]] = []

        def failed(self, task: Task, error: Exception) -> None:
            failed.set()

        def skipped(self, task: Task, because: str) -> None:
            self.told.append((task.id, because))

    tasks = [
        *(task("bad", work=bad, cost=9), task("slow", work=slow, cost=8)),
        *(task("on bad", "bad"), task("on slow", "slow"), task("above", "on slow")),
        *(task(f"other {i}") for i in range(5)),
    ]
    outcome = start(tasks, watcher=Notes(), keep_going=False)
    assert outcome.results == {"slow": "done"}
    assert list(outcome.errors) == ["bad"]
    assert set(outcome.skipped.values()) == {"bad"}
    assert len(outcome.skipped) == len(Notes.told) == len(set(Notes.told)) == 8


def test_fail_fast_when_the_arguments_of_a_task_cannot_be_made() -> None:
    broken = Task("a", "thread", print, lambda r: (r["missing"],), cost=9)
    outcome = start([broken, *(task(str(i)) for i in range(4))], keep_going=False)
    assert outcome.results == {}
    assert outcome.skipped == dict.fromkeys("0123", "a")


def test_fail_fast_with_two_that_fail_at_once() -> None:
    meet = threading.Barrier(2, timeout=10)

    def bad() -> None:
        meet.wait()
        raise ValueError("broken")

    tasks = [task("a", work=bad), task("b", work=bad), task("c", "a"), task("d", "b")]
    outcome = start(tasks, keep_going=False)
    assert outcome.errors.keys() == {"a", "b"}
    assert outcome.skipped.keys() == {"c", "d"}


def test_an_interrupt_cancels_what_has_not_begun() -> None:
    done: list[int] = []

    class Stop(Watcher):
        def tick(self) -> None:
            raise KeyboardInterrupt

    def work(number: int) -> None:
        threading.Event().wait(0.2)
        done.append(number)

    tasks = [Task(str(i), "thread", work, lambda _, i=i: (i,)) for i in range(4)]
    with ThreadPoolExecutor(1) as pool:
        lanes = {"thread": (pool, Slots(4))}
        with pytest.raises(KeyboardInterrupt):
            run(tasks, lanes=lanes, watcher=Stop())
    assert len(done) == 1


@given(st.data())
def test_every_task_ends_and_none_before_its_needs(data: st.DataObject) -> None:
    count = data.draw(st.integers(1, 12))
    needs = [
        data.draw(st.sets(st.integers(0, i - 1), max_size=3)) if i else set() for i in range(count)
    ]
    broken = data.draw(st.sets(st.integers(0, count - 1), max_size=2))
    keep_going = data.draw(st.booleans())
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
    outcome = start(tasks, keep_going=keep_going)
    assert set(map(str, ended)) == outcome.results.keys()
    assert outcome.errors.keys() <= set(map(str, broken))
    blamed = {int(i) for i in outcome.skipped}
    assert len(outcome.results) + len(outcome.errors) + len(blamed) == count
