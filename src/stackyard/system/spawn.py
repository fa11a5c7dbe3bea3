"""Running an engine's program: heard line by line, ended in time, never outliving us."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
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
        hear: told each line of its output, standard error included, from another thread.
        timeout: seconds after which it is ended.
        doing: how messages begin.
        stdin: what it reads; nothing unless given.

    Returns:
        The exit code, or minus the signal that ended it.

    Raises:
        OutsideError: it cannot be started, or took too long.
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
        raise outside(f"{doing}: starting {command[0]}", error) from error
    with _guard:
        _running.add(process)
    listener = threading.Thread(target=_listen, args=(process, hear), daemon=True)
    listener.start()
    try:
        code = process.wait(timeout)
    except subprocess.TimeoutExpired:
        raise OutsideError(
            f"{doing}: no end after {timeout:g} s, so it was stopped",
            hint="give it more time with --step-timeout, or find out what it waits for",
        ) from None
    finally:
        _end(process)
        with _guard:
            _running.discard(process)
        # What a command left running in the background may hold the pipe open.
        listener.join(_PATIENCE)
    return code


def end_all() -> None:
    """End every program that `run_engine` runs in another thread: nobody waits for it any more."""
    with _guard:
        running = tuple(_running)
    for process in running:
        _end(process)


def _listen(process: subprocess.Popen[bytes], hear: Hear) -> None:
    assert process.stdout is not None  # noqa: S101 - it is a pipe
    with process.stdout as out:
        while line := out.readline(_LONGEST_LINE):
            hear(line.decode("utf-8", "replace").rstrip("\r\n"))


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the program's process group, when the program has not ended."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        if process.poll() is not None:
            break
        with suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with suppress(subprocess.TimeoutExpired):
            process.wait(timeout=_PATIENCE)
