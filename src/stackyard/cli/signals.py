"""Ending what runs for long: the first signal unwinds, later ones let it finish."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextmanager
def unwound_once() -> Iterator[None]:
    """Raise KeyboardInterrupt for the first of Ctrl-C, SIGTERM and a closed terminal.

    Whatever comes after it finds the clean-up under way, and does not disturb it.
    """
    came = False

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        nonlocal came
        if not came:
            came = True
            raise KeyboardInterrupt

    # What is ignored stays so: `nohup` wants it.
    heard = [number for number in _ENDING if signal.getsignal(number) is not signal.SIG_IGN]
    before = {number: signal.signal(number, interrupt) for number in heard}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
