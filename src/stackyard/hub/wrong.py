"""What is wrong with profiles, gathered so that one run tells all of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from stackyard.errors import InputError, Position
from stackyard.stack.problems import Problems


@contextmanager
def noted(problems: Problems, where: Position) -> Iterator[None]:
    """Remember what is refused in the block, one thing for each place.

    What all profiles share is wrong in each of them, and told once.

    Args:
        problems: where it is remembered.
        where: its place, if the error has none.
    """
    try:
        yield
    except InputError as error:
        at = error.where or where
        if all(known.where != at for known in problems.found):
            problems.add(at, error.message, error.hint)
