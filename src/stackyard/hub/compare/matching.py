"""Which entries of two mappings are the same to users, and which moved."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from stackyard.hub.compare.seen import Shown


class Named(Protocol):
    """Something with a key and a name."""

    @property
    def key(self) -> str:
        """What the hub calls it."""

    @property
    def name(self) -> Shown:
        """What users call it."""


T = TypeVar("T", bound=Named)


@dataclass(frozen=True)
class Matched(Generic[T]):
    """Entries of an old and a new mapping.

    Attributes:
        pairs: the same to users, old and new, in the new order: of equal keys; or, of those
            that are left, of equal names that stand just once on each side.
        gone: only old ones.
        added: only new ones.
    """

    pairs: tuple[tuple[T, T], ...]
    gone: tuple[T, ...]
    added: tuple[T, ...]


def matched(old: Mapping[str, T], new: Mapping[str, T]) -> Matched[T]:
    """Match two mappings."""
    partners = {key: old[key] for key in new if key in old}
    left = _unique([entry for key, entry in old.items() if key not in new])
    for name, entry in _unique([entry for key, entry in new.items() if key not in old]).items():
        if name in left:
            partners[entry.key] = left[name]
    taken = {partner.key for partner in partners.values()}
    return Matched(
        tuple((partners[key], entry) for key, entry in new.items() if key in partners),
        tuple(entry for key, entry in old.items() if key not in taken),
        tuple(entry for key, entry in new.items() if key not in partners),
    )


def _unique(entries: Sequence[T]) -> dict[Shown, T]:
    counts = Counter(entry.name for entry in entries)
    return {entry.name: entry for entry in entries if counts[entry.name] == 1}


def moved(old: Sequence[str], new: Sequence[str]) -> list[str]:
    """The fewest of the new entries that were put elsewhere; both have the same ones."""
    places = {key: place for place, key in enumerate(old)}
    order = [places[key] for key in new]
    ends: list[int] = []  # the smallest last place of a rising run, by the run's length
    lengths = []
    for place in order:
        length = bisect_left(ends, place)
        ends[length : length + 1] = [place]
        lengths.append(length)
    stay: set[int] = set()
    wanted, bound = len(ends) - 1, len(order)
    for index in range(len(order) - 1, -1, -1):
        if lengths[index] == wanted and order[index] < bound:
            stay.add(index)
            wanted, bound = wanted - 1, order[index]
    return [key for index, key in enumerate(new) if index not in stay]
