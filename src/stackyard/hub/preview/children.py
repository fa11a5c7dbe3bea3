"""Programs that run beside us: their output in a file, never outliving us."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from stackyard.hub.preview.words import plain
from stackyard.oci.disk import outside

_PATIENCE = 10.0
"""Seconds that a program has to clean up after itself."""
_LAST_BYTES = 4000


@dataclass(frozen=True)
class Child:
    """A program that was started."""

    process: subprocess.Popen[bytes]
    log: Path

    @classmethod
    @contextmanager
    def started(
        cls,
        command: Sequence[str],
        env: Mapping[str, str],
        log: Path,
        *,
        cwd: Path,
        keep: Sequence[int] = (),
    ) -> Iterator[Child]:
        """Run a program for as long as the block.

        It is the first of a session of its own, so that Ctrl-C does not reach it, and gets
        SIGTERM when this process ends in any way.

        Args:
            command: the program and its arguments.
            env: its whole environment.
            log: what it prints is added to this file.
            cwd: where it runs.
            keep: descriptors that it gets.

        Raises:
            OutsideError: it cannot be started.
        """
        with log.open("ab") as out:
            try:
                process = subprocess.Popen(
                    ["setpriv", "--pdeathsig", "TERM", *command],
                    env=dict(env),
                    cwd=cwd,
                    stdin=subprocess.DEVNULL,
                    stdout=out,
                    stderr=subprocess.STDOUT,
                    pass_fds=keep,
                    start_new_session=True,
                    umask=0o022,
                )
            except OSError as error:
                raise outside(f"starting setpriv {command[0]}", error) from error
        child = cls(process, log)
        try:
            yield child
        finally:
            child.end()

    @property
    def runs(self) -> bool:
        """Whether it has not ended."""
        return self.process.poll() is None

    def until(self, ready: Callable[[], bool], *, seconds: float) -> bool:
        """Wait for something that it does; False when it ended or the time is over."""
        end = time.monotonic() + seconds
        while not ready():
            if not self.runs or time.monotonic() > end:
                return False
            time.sleep(0.05)
        return True

    def end(self) -> None:
        """End it, and what it left running in its group."""
        if self.process.returncode is not None:
            return  # its number may be another's by now
        # Not Popen's own method, which may wait for it.
        os.kill(self.process.pid, signal.SIGTERM)
        end = time.monotonic() + _PATIENCE
        while not self._ended() and time.monotonic() < end:
            time.sleep(0.02)
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def _ended(self) -> bool:
        """Whether it has; nobody waits for it yet, so its number stays its own."""
        return bool(os.waitid(os.P_PID, self.process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT))

    def last_words(self) -> str:
        """The end of what it printed."""
        with self.log.open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - _LAST_BYTES))
            lines = file.read().decode("utf-8", "replace").splitlines()
        return "\n".join(plain(line) for line in lines[-15:])
