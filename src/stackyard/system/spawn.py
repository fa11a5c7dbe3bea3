"""Running an engine's program: heard line by line, ended in time, never outliving us."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import BinaryIO

from stackyard.errors import OutsideError
from stackyard.oci.disk import outside
from stackyard.system.engine import Hear

_PATIENCE = 1.0
"""Seconds that a program has to clean up after itself, and its output to come to an end."""
_LONGEST_LINE = 1 << 16

_running: set[subprocess.Popen[bytes]] = set()
_guard = threading.Lock()


def run_engine(
    command: Sequence[str],
    *,
    env: Mapping[str, str],
    hear: Hear,
    timeout: float,
    doing: str,
    stdin: BinaryIO | None = None,
) -> int:
    """Run a program to its end.

    It is the first of a process group of its own, which ends with this call however
    the call ends, and with this process however that ends.

    Args:
        command: the program and its arguments.
        env: its whole environment.
        hear: told each line of its output, standard error included, from another thread;
            an error of its own ends the program.
        timeout: seconds after which it is ended.
        doing: how messages begin.
        stdin: what it reads; nothing unless given.

    Returns:
        The exit code, or minus the signal that ended it.

    Raises:
        OutsideError: it cannot be started, or took too long.
        Exception: what *hear* raised.
    """
    try:
        process = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", *command],
            stdin=stdin or subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=dict(env),
            start_new_session=True,
            umask=0o022,
        )
    except OSError as error:
        raise outside(f"{doing}: starting setpriv {command[0]}", error) from error
    with _guard:
        _running.add(process)
    listener = _Listener(process, hear)
    listener.start()
    try:
        if not _ended(process, timeout):
            raise OutsideError(
                f"{doing}: no end after {timeout:g} s, so it was stopped",
                hint="give it more time with --step-timeout, or find out what it waits for",
            )
    finally:
        _end(process)
        # What left the group may hold the pipe open.
        listener.join(_PATIENCE)
    if listener.error:
        raise listener.error
    return process.wait()


def end_all() -> None:
    """End every program that `run_engine` runs in another thread: nobody waits for it any more."""
    running = tuple(_running)
    for process in running:
        _signal(process, signal.SIGTERM)
    end = time.monotonic() + _PATIENCE
    while time.monotonic() < end and not _running.isdisjoint(running):
        time.sleep(0.01)
    for process in running:
        _signal(process, signal.SIGKILL)


class _Listener(threading.Thread):
    """Hears a program to the end of its output."""

    def __init__(self, process: subprocess.Popen[bytes], hear: Hear) -> None:
        super().__init__(daemon=True)
        self.error: Exception | None = None
        self._process = process
        self._hear = hear

    def run(self) -> None:
        assert self._process.stdout is not None  # noqa: S101 - it is a pipe
        try:
            with self._process.stdout as out:
                while line := out.readline(_LONGEST_LINE):
                    self._hear(line.decode("utf-8", "replace").rstrip("\r\n"))
        except Exception as error:
            self.error = error
            _signal(self._process, signal.SIGTERM)


def _ended(process: subprocess.Popen[bytes], seconds: float) -> bool:
    """Whether the program ends in time.

    Nobody waits for it yet, so its number, which is also its group's, stays its own.
    """
    pause, end = 0.0005, time.monotonic() + seconds
    while not os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT):
        left = end - time.monotonic()
        if left <= 0:
            return False
        pause = min(pause * 2, 0.05)
        time.sleep(min(pause, left))
    return True


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the program, and what it left running."""
    if not _ended(process, 0):
        _signal(process, signal.SIGTERM)
        _ended(process, _PATIENCE)
    _signal(process, signal.SIGKILL)
    with _guard:
        _running.discard(process)
    with suppress(subprocess.TimeoutExpired):
        process.wait(_PATIENCE)


def _signal(process: subprocess.Popen[bytes], number: int) -> None:
    """Send a signal to the program's group, as long as there is one."""
    with _guard, suppress(ProcessLookupError, PermissionError):
        if process in _running:
            os.killpg(process.pid, number)
