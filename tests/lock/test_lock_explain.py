"""QuickXplain over an oracle that knows the answer."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from stackyard.lock.explain import minimal_core

ITEMS = [str(n) for n in range(12)]
CORES = st.lists(st.sets(st.sampled_from(ITEMS), min_size=1, max_size=4), min_size=1, max_size=4)


@given(CORES, st.lists(st.sampled_from(ITEMS), unique=True))
def test_the_core_is_minimal(cores: list[set[str]], guess: list[str]) -> None:
    asked = 0

    def solvable(some: object) -> bool:
        nonlocal asked
        asked += 1
        return not any(core <= set(some) for core in cores)  # type: ignore[call-overload]

    found = minimal_core(ITEMS, solvable, guess)
    assert not solvable(found)
    assert all(solvable([i for i in found if i != item]) for item in found)
    assert asked < 2 * 4 * len(ITEMS)


def test_no_item_is_to_blame() -> None:
    assert minimal_core(ITEMS, lambda _some: False) == []
