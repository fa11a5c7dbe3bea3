"""Which requirements contradict each other: a smallest set of them.

QuickXplain: U. Junker, "QuickXplain: Preferred Explanations and Relaxations for
Over-Constrained Problems", AAAI 2004. The oracle is uv itself, so nothing here
depends on how it words its explanations.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

Oracle = Callable[[Sequence[str]], bool]
"""Whether a set of requirements has a solution."""


def minimal_core(items: Sequence[str], solvable: Oracle, guess: Sequence[str] = ()) -> list[str]:
    """A subset of *items* without a solution, all of whose proper subsets have one.

    Args:
        items: a set of requirements without a solution.
        solvable: the oracle; asked about twice the core's size times the
            logarithm of the number of items.
        guess: a part of *items* that may hold a core; it is tried first.
    """
    narrowed = guess if 0 < len(guess) < len(items) and not solvable(guess) else items
    if not solvable([]):
        return []
    return _quickxplain([], False, list(narrowed), solvable)


def _quickxplain(
    background: list[str], grown: bool, items: list[str], solvable: Oracle
) -> list[str]:
    if grown and not solvable(background):
        return []
    if len(items) == 1:
        return items
    half = len(items) // 2
    first, second = items[:half], items[half:]
    later = _quickxplain(background + first, bool(first), second, solvable)
    earlier = _quickxplain(background + later, bool(later), first, solvable)
    return earlier + later
