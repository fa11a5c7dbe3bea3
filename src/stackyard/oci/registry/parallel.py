"""Several transfers at once; the first failure stops the others."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from contextlib import suppress
from typing import TypeVar

from stackyard.oci.registry.patience import StoppedError

T = TypeVar("T")


def each(
    action: Callable[[T], object], items: Iterable[T], workers: int, stop: threading.Event
) -> None:
    """Run *action* on every item, *workers* at a time.

    Args:
        action: gives up with `StoppedError` when *stop* is set.
        items: what to run it on.
        workers: how many at once.
        stop: set at the first failure, and when this thread is interrupted.

    Raises:
        Exception: the first failure, once all threads have ended.
        StoppedError: nothing failed, but *stop* was set from elsewhere.
    """
    with ThreadPoolExecutor(workers, thread_name_prefix="registry") as pool:
        futures = [pool.submit(action, item) for item in items]
        try:
            _, running = wait(futures, return_when=FIRST_EXCEPTION)
            if running:
                stop.set()
        except BaseException:
            stop.set()
            raise
        finally:
            if stop.is_set():
                pool.shutdown(wait=False, cancel_futures=True)
        for future in futures:
            if not future.cancelled():
                with suppress(StoppedError):
                    future.result()
    if stop.is_set():
        raise StoppedError
