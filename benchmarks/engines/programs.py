"""Running programs: one that ends, one that serves, and a folder that is gone afterwards."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

_PATIENCE = 60.0
"""Seconds for a daemon to answer, and for one to end."""


class ProgramError(Exception):
    """A program failed; the message ends with the last lines that it wrote."""


def run(
    arguments: Sequence[str | Path],
    *,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
) -> str:
    """Run a program to its end and return all that it wrote.

    Raises:
        ProgramError: its exit code is not 0.
    """
    words = list(map(str, arguments))
    done = subprocess.run(
        words,
        env=dict(env) if env is not None else None,
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        check=False,
    )
    if done.returncode:
        raise ProgramError(f"{' '.join(words[:6])} …: exit {done.returncode}\n{tail(done.stdout)}")
    return done.stdout


def tail(text: str) -> str:
    """The end of a program's output, indented."""
    return "\n".join(f"    {line}" for line in text.splitlines()[-25:])


def timed(arguments: Sequence[str | Path], *, env: Mapping[str, str] | None = None) -> float:
    """Run a program and return the seconds that it took."""
    began = time.monotonic()
    run(arguments, env=env)
    return time.monotonic() - began


@contextmanager
def daemon(
    arguments: Sequence[str | Path],
    *,
    ready: Sequence[str | Path],
    log: Path,
    env: Mapping[str, str] | None = None,
) -> Iterator[None]:
    """Run a program that serves for as long as the block lasts.

    It gets a session of its own, so that Ctrl-C reaches it only through us, when
    nothing uses it any more.

    Args:
        arguments: the program.
        ready: a command that succeeds once the program answers.
        log: a file for what the program writes.
        env: its environment and that of `ready`; ours when None.
    """
    with log.open("ab") as out:
        process = subprocess.Popen(
            list(map(str, arguments)),
            env=dict(env) if env is not None else None,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            start_new_session=True,
        )
    try:
        _await(process, ready, log, env)
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(_PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _await(
    process: subprocess.Popen[bytes],
    ready: Sequence[str | Path],
    log: Path,
    env: Mapping[str, str] | None,
) -> None:
    until = time.monotonic() + _PATIENCE
    while process.poll() is None and time.monotonic() < until:
        with suppress(ProgramError):
            run(ready, env=env)
            return
        time.sleep(0.1)
    said = tail(log.read_text(errors="replace"))
    raise ProgramError(f"{ready[0]} got no answer from what was started\n{said}")


@contextmanager
def workspace(parent: Path | None) -> Iterator[Path]:
    """A new folder for everything, gone afterwards with all that is mounted in it."""
    folder = Path(tempfile.mkdtemp(prefix="stackyard-benchmark-", dir=parent)).resolve()
    try:
        yield folder
    finally:
        print(f"removing {folder}", flush=True)
        for mount in _mounts(folder):
            subprocess.run(["umount", "--lazy", mount], check=False)
        shutil.rmtree(folder, ignore_errors=True)
        if folder.exists():
            print(f"could not remove all of {folder}")


def _mounts(folder: Path) -> list[str]:
    """What is mounted below a folder, the deepest first (proc(5), mountinfo)."""
    lines = Path("/proc/self/mountinfo").read_text().splitlines()
    places = [line.split(" ")[4].encode().decode("unicode_escape") for line in lines]
    inside = [place for place in places if place.startswith(f"{folder}{os.sep}")]
    return sorted(inside, key=len, reverse=True)
