"""Trying again: how often, and how long to wait in between."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from stackyard.errors import OutsideError
from stackyard.oci.registry.faults import PassingError

T = TypeVar("T")
_BRIEF = 3
_PROGRESS = 1 << 20
"""Bytes; who got that much further since the last fault has all tries again."""


class StoppedError(Exception):
    """Another part of the same transfer failed, so this one gave up."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How passing faults are borne.

    Attributes:
        attempts: tries in all.
        first: seconds before the second try; doubled at each further one, with
            up to half of it added at random so that clients spread out.
        longest: most seconds before a try, unless the server asks for more.
        obey: most seconds that a server's Retry-After is obeyed.
    """

    attempts: int = 7
    first: float = 0.5
    longest: float = 30.0
    obey: float = 120.0

    def through(
        self,
        action: Callable[[], T],
        stop: threading.Event | None = None,
        moved: Callable[[], int] = lambda: 0,
    ) -> T:
        """Run *action* until it gives a result.

        Args:
            action: what to do.
            stop: set when it shall be given up.
            moved: how many bytes have moved for good.

        Raises:
            OutsideError: the tries are used up, or the server asks for a longer wait.
            StoppedError: *stop* was set.
        """
        stop = stop or threading.Event()
        attempt, reached = 1, moved()
        while True:
            if stop.is_set():
                raise StoppedError
            try:
                return action()
            except PassingError as fault:
                if moved() >= reached + _PROGRESS:
                    attempt, reached = 1, moved()
                wait = self._wait(fault, attempt)
                if wait is None:
                    raise fault.error from fault.__cause__
                stop.wait(wait)
            attempt += 1

    def _wait(self, fault: PassingError, attempt: int) -> float | None:
        if attempt >= (min(_BRIEF, self.attempts) if fault.brief else self.attempts):
            return None
        pause = min(self.longest, self.first * 2.0 ** (attempt - 1))
        pause += random.random() * pause / 2  # noqa: S311 - spreads clients, guards nothing
        if fault.after is None:
            return pause
        if fault.after > self.obey:
            fault.error = OutsideError(
                f"{fault.error.message}, and asks to wait {fault.after:.0f} s",
                hint=fault.error.hint,
            )
            return None
        return max(fault.after, pause)
