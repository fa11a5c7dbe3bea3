"""`stackyard hub` as a user runs it, and what it leaves on the machine."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
from realyard import STACKYARD, Yard, until

LABEL = "org.stackyard.preview"


@dataclass
class Preview:
    """A running preview hub."""

    process: subprocess.Popen[bytes]
    out: Path
    children: list[psutil.Process]

    @property
    def said(self) -> str:
        return self.out.read_text(errors="replace")

    @property
    def url(self) -> str:
        return re.findall(r"^  (http://\S+)$", self.said, re.M)[0]

    @property
    def password(self) -> str:
        return re.findall(r"password +(\S+)", self.said)[0]

    def wait(self, words: str, seconds: float = 60) -> str:
        """The line with these words, once it is said."""

        def found() -> str | None:
            return next((line for line in self.said.splitlines() if words in line), None)

        alive = lambda: self.process.poll() is None  # noqa: E731
        return until(found, alive=alive, log=self.out, seconds=seconds)

    def stop(self, number: int = signal.SIGINT) -> int:
        """Send a signal; the exit code."""
        self.children = psutil.Process(self.process.pid).children(recursive=True)
        self.process.send_signal(number)
        return self.process.wait(30)

    def left(self) -> list[str]:
        """The programs that it started and that run."""
        _gone, alive = psutil.wait_procs(self.children, timeout=15)
        return [" ".join(process.cmdline()) for process in alive]


@contextmanager
def preview(yard: Yard, *words: str, out: Path, env: Mapping[str, str]) -> Iterator[Preview]:
    """Run the verb until its hub answers, and end it when the block ends."""
    with out.open("wb") as file:
        process = subprocess.Popen(
            [STACKYARD, "hub", "--offline", *words],
            cwd=yard.folder,
            env={**os.environ, "STACKYARD_STORE": str(yard.store), **yard.env, **env},
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    made = Preview(process, out, [])
    try:
        made.wait("Ctrl-C ends it", 120)
        yield made
    finally:
        if process.poll() is None:
            made.stop()


def folders() -> set[str]:
    """The temporary folders of previews."""
    return {path.name for path in Path(os.environ.get("TMPDIR", "/tmp")).glob("stackyard-hub-*")}


def listening() -> set[tuple[str, int]]:
    """Every address on which anybody on this machine listens."""
    found = psutil.net_connections("inet")
    return {(c.laddr.ip, c.laddr.port) for c in found if c.status == psutil.CONN_LISTEN}
