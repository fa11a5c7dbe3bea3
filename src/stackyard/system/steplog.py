"""A step's log: all that its engine printed, in a file of its own."""

from __future__ import annotations

import re
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TextIO

from stackyard.oci.disk import disk
from stackyard.system.engine import Hear
from stackyard.system.recipes import MARK
from stackyard.system.secrets import Secrets

_LAST = 12
_INSTRUCTION = re.compile(r"STEP \d+/\d+: ")  # buildah begins an instruction
_NOISE = re.compile(r"subprocess exited with status |Error: building at STEP ")


class StepLog:
    """Hears an engine; from `open_log`. Nothing that it keeps or passes on holds a secret.

    Attributes:
        path: the file.
        command: the command that began last, as the stack file has it; empty before the first.
    """

    def __init__(self, path: Path, file: TextIO, secrets: Secrets, say: Hear) -> None:
        self.path = path
        self.command = ""
        self._file = file
        self._secrets = secrets
        self._say = say
        self._last: deque[str] = deque(maxlen=_LAST)
        self._lock = threading.Lock()

    def __call__(self, line: str) -> None:
        """Hear one line."""
        line = self._secrets.masked(line)
        # docker puts the step's number and the time before what a command printed.
        _, mark, told = line.partition(MARK)
        with self._lock:
            self._file.write(f"{line}\n")
            self._file.flush()
            if mark or _INSTRUCTION.match(line):
                self._last.clear()
            elif line.strip() and not _NOISE.match(line):
                self._last.append(line)
        if mark:
            self.command = told.partition("] ")[2] or told
        if line.strip():
            self._say(line.strip())

    @property
    def last(self) -> list[str]:
        """The last lines that the last command, or instruction, printed."""
        return list(self._last)


@contextmanager
def open_log(path: Path, title: str, secrets: Secrets, say: Hear) -> Iterator[StepLog]:
    """A log that is written line by line while the block runs.

    Args:
        path: the file; its folder is made if needed.
        title: what the first line says.
        secrets: what may not be in it.
        say: told each line too.

    Raises:
        OutsideError: the disk is full or broken.
    """
    with disk(f"writing the log {path}"):
        path.parent.mkdir(exist_ok=True)
        file = path.open("w", encoding="utf-8", errors="replace")
    with file:
        with disk(f"writing the log {path}"):
            file.write(f"{title}, {datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC\n")
        yield StepLog(path, file, secrets, say)
