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
# BuildKit puts the step's number and the time before each line, and tells a failed
# step's last lines again after this one.
_BUILDKIT = re.compile(r"#\d+ (?:\d+\.\d+ )?")
_COMMAND = re.compile(rf"(?:{_BUILDKIT.pattern})?{MARK}\[\d+/\d+\] (.*)")
_FAILED = re.compile(r"#\d+ ERROR: ")


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
        self._failed = False
        self._lock = threading.Lock()

    def __call__(self, line: str) -> None:
        """Hear one line.

        Raises:
            OutsideError: the disk is full or broken.
        """
        line = self._secrets.masked(line)
        command = _COMMAND.match(line)
        with self._lock, disk(f"writing the log {self.path}"):
            self._file.write(f"{line}\n")
            self._file.flush()
            self._failed = self._failed or bool(_FAILED.match(line))
            if command or _INSTRUCTION.match(line):
                self._last.clear()
            elif line.strip() and not self._failed and not _NOISE.match(line):
                self._last.append(_BUILDKIT.sub("", line, count=1))
        if command:
            self.command = command[1]
        if line.strip():
            self._say(line.strip())

    @property
    def last(self) -> list[str]:
        """The last lines that the last command, or instruction, printed."""
        with self._lock:
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
    doing = f"writing the log {path}"
    with disk(doing):
        path.parent.mkdir(exist_ok=True)
        file = path.open("w", encoding="utf-8", errors="replace")
    try:
        with disk(doing):
            file.write(f"{title}, {datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC\n")
            file.flush()
        yield StepLog(path, file, secrets, say)
    finally:
        with disk(doing):
            file.close()
