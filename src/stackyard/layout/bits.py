"""Sets of small numbers as ints: bit n is set when n is in the set."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import compress, count

_DIGITS = bytes.maketrans(b"01", b"\0\1")


def of(numbers: Iterable[int]) -> int:
    """The set of these numbers."""
    bits = 0
    for number in numbers:
        bits |= 1 << number
    return bits


def members(bits: int) -> Iterator[int]:
    """The numbers in a set, ascending."""
    return compress(count(), bin(bits)[:1:-1].encode().translate(_DIGITS))
