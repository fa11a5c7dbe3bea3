"""Running a program whose output is a stream, so that it never outlives us."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import BinaryIO, Protocol

from stackyard.errors import InputError, OutsideError, StackyardError
from stackyard.oci.disk import outside

_LAST_LINES = 40
_PATIENCE = 15  # seconds for a program to clean up after itself


class Explain(Protocol):
    """Turns a failed program's last lines into an error."""

    def __call__(self, lines: Sequence[str], code: int) -> StackyardError:
        """The error; *code* is the exit code, or minus the signal."""


@contextmanager
def streaming(
    command: Sequence[str],
    *,
    given: bytes,
    env: Mapping[str, str],
    report: Callable[[str], None],
    explain: Explain,
    polite: bool,
) -> Iterator[BinaryIO]:
    """Run *command*; what it prints to standard output is read inside the block.

    It runs in a process group of its own, and ends with the block, however the
    block ends. When the program failed, the block fails with what *explain*
    says, whatever its cut-off output led to.

    Args:
        command: the program and its arguments.
        given: its standard input.
        env: its whole environment.
        report: told each line of its standard error, from another thread.
        explain: see there.
        polite: when it has to be stopped, let it clean up after itself first.

    Raises:
        OutsideError: the program cannot be started.
    """
    try:
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=dict(env),
            start_new_session=True,
            umask=0o022,
        )
    except OSError as error:
        raise outside(f"starting {command[0]}", error) from error
    listener = _Listener(process, report)
    listener.start()
    try:
        yield _start(process, given)
        code = process.wait()
    except InputError as error:
        # Its output may be broken because it failed: then that is what to tell.
        code = _settle(process)
        if code:
            listener.join(_PATIENCE)
            raise explain(listener.lines, code) from error
        raise
    finally:
        _stop(process, polite=polite)
        listener.join(_PATIENCE)
        for pipe in (process.stdin, process.stdout, process.stderr):
            with suppress(OSError):
                pipe.close()  # type: ignore[union-attr]  # all three are pipes
    if code:
        raise explain(listener.lines, code)
    if listener.failure:
        raise listener.failure


def _start(process: subprocess.Popen[bytes], given: bytes) -> BinaryIO:
    """Hand over the input, which is small enough for a pipe to hold."""
    if process.stdin is None or process.stdout is None:
        raise OutsideError("starting a program: it has no pipes")
    with suppress(BrokenPipeError):
        process.stdin.write(given)
        process.stdin.close()
    return process.stdout  # type: ignore[return-value]  # a BufferedReader


class _Listener(threading.Thread):
    """Reads a program's standard error to its end, whatever becomes of what it says."""

    def __init__(self, process: subprocess.Popen[bytes], report: Callable[[str], None]) -> None:
        super().__init__(daemon=True)
        self.lines: list[str] = []
        self.failure: Exception | None = None
        self._process = process
        self._report = report

    def run(self) -> None:
        for line in self._process.stderr or ():
            text = line.decode("utf-8", "replace").rstrip()
            if text:
                self.lines = [*self.lines[1 - _LAST_LINES :], text]
                self._tell(text)

    def _tell(self, text: str) -> None:
        try:
            self._report(text)
        except Exception as error:
            self.failure = error


def _settle(process: subprocess.Popen[bytes]) -> int:
    """The exit code of a program that is about to end; 0 when it is not."""
    try:
        return process.wait(timeout=2)
    except subprocess.TimeoutExpired:
        return 0


def _stop(process: subprocess.Popen[bytes], *, polite: bool) -> None:
    """End the program's whole process group, when it has not ended."""
    if process.poll() is not None:
        return
    for number in (signal.SIGTERM, signal.SIGKILL) if polite else (signal.SIGKILL,):
        with suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with suppress(subprocess.TimeoutExpired):
            process.wait(timeout=_PATIENCE)
            return
