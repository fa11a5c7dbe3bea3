"""Bytecode for the image's Python, made by an interpreter of that minor version here.

What a pyc holds depends on the minor version only in its format: two patch
releases of one minor version may compile the same line a little differently.
"""

from __future__ import annotations

import atexit
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from stackyard.errors import OutsideError

Module = tuple[str, bytes | bytearray | memoryview]
"""The file name that tracebacks show, and the source."""

_BATCH = 1 << 20
_PROBE = (
    "import sys; v = sys.version_info;"
    "print(sys.implementation.name, v.major, v.minor, v.releaselevel)"
)
_PROBE_SECONDS = 20
# Hash order reaches the bytes of some constants, so it is fixed; -I and -E would
# unfix it, and there is nothing else in the environment that they would ignore.
_ENVIRONMENT = {"PYTHONHASHSEED": "0"}


@dataclass(frozen=True, slots=True)
class Compiler:
    """An interpreter that compiles; cheap to send to another process.

    Each process that uses it starts the interpreter once and keeps it.

    Attributes:
        python_minor: such as ``3.11``.
        command: what starts the interpreter.
    """

    python_minor: str
    command: tuple[str, ...]

    @property
    def cache_tag(self) -> str:
        """What stands in the names of its files, such as ``cpython-311``."""
        return f"cpython-{self.python_minor.replace('.', '')}"

    def compile(self, modules: Iterable[Module]) -> Iterator[bytes | None]:
        """The pyc of each module, in order; None for what is not Python of this version.

        Args:
            modules: the file name that tracebacks show, and the source.

        Raises:
            OutsideError: the interpreter does not start, or it crashed.
        """
        session = _session(self.command)
        for batch in _batches(modules):
            yield from session.compile(batch)


def find_compiler(python_minor: str) -> Compiler | None:
    """An interpreter on this machine for a minor version, or None.

    The distribution's own comes first: it is the fastest build, and where the
    image is of the same distribution the very same as the image's.

    Args:
        python_minor: such as ``3.11``.
    """
    for candidate in _candidates(python_minor):
        if _is_right(candidate, python_minor):
            return Compiler(python_minor, (candidate,))
    return None


def _candidates(minor: str) -> Iterator[str]:
    name = f"python{minor}"
    yield f"/usr/bin/{name}"
    if minor == f"{sys.version_info.major}.{sys.version_info.minor}":
        yield sys.executable
    if found := shutil.which(name):
        yield found
    # pyenv's shims on PATH work for the chosen version only; the others are here.
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    yield from sorted(map(str, pyenv.glob(f"versions/{minor}.*/bin/{name}")), reverse=True)
    yield from _managed_by_uv(minor)


def _managed_by_uv(minor: str) -> Iterator[str]:
    """What uv finds: its own Pythons, also those that are on no PATH."""
    from uv import find_uv_bin  # noqa: PLC0415 - seldom needed

    command = [find_uv_bin(), "python", "find", "--no-project", "--no-python-downloads", minor]
    if found := _output(command):
        yield found


@cache
def _is_right(executable: str, minor: str) -> bool:
    if not Path(executable).is_file():
        return False
    # A pyenv shim is there also when its version is not; then running it fails.
    found = _output([executable, "-I", "-S", "-c", _PROBE])
    return found == f"cpython {minor.replace('.', ' ')} final"


def _output(command: Sequence[str]) -> str:
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=_PROBE_SECONDS,
            check=True,
            text=True,
        )
    except (OSError, subprocess.SubprocessError, ValueError):
        return ""
    return done.stdout.strip()


def _batches(modules: Iterable[Module]) -> Iterator[list[Module]]:
    batch: list[Module] = []
    size = 0
    for name, source in modules:
        batch.append((name, source))
        size += len(source)
        if size >= _BATCH:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


_sessions: dict[tuple[str, ...], _Session] = {}


def close_sessions() -> None:
    """End the interpreters that this process started; the next use starts them anew."""
    while _sessions:
        _sessions.popitem()[1].close()


atexit.register(close_sessions)


def _session(command: tuple[str, ...]) -> _Session:
    if command not in _sessions:
        _sessions[command] = _Session(command)
    return _sessions[command]


class _Session:
    """A running `bytecode_worker`; it ends when this process does."""

    def __init__(self, command: tuple[str, ...]) -> None:
        self._command = command
        worker = Path(__file__).with_name("bytecode_worker.py").read_text("utf-8")
        try:
            self._process = subprocess.Popen(
                [*command, "-s", "-S", "-B", "-W", "ignore", "-c", worker],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env=_ENVIRONMENT,
                cwd="/",
            )
        except OSError as error:
            raise self._failed(error.strerror or str(error)) from error

    def compile(self, batch: Sequence[Module]) -> list[bytes | None]:
        stdin, stdout = self._process.stdin, self._process.stdout
        if stdin is None or stdout is None:
            raise TypeError("the worker has no pipes")
        try:
            # The worker reads a batch whole before it answers, so neither waits
            # for the other with a full pipe.
            stdin.write(b"".join(_request(batch)))
            stdin.flush()
        except OSError as error:
            raise self._crashed() from error
        answers: list[bytes | None] = []
        for _ in batch:
            length = stdout.read(4)
            pyc = stdout.read(int.from_bytes(length, "little"))
            if len(length) < 4 or len(pyc) < int.from_bytes(length, "little"):
                raise self._crashed()
            answers.append(pyc or None)
        return answers

    def _crashed(self) -> OutsideError:
        _sessions.pop(self._command, None)
        return self._failed(f"it ended with {self.close()}")

    def close(self) -> int:
        """End the interpreter and give its exit status."""
        self._process.kill()
        with suppress(OSError):  # what was not yet sent has no reader
            self._process.communicate()
        return self._process.returncode

    def _failed(self, found: str) -> OutsideError:
        return OutsideError(
            f"compiling bytecode with {self._command[-1]}: {found}",
            hint="check that this Python works, or build without bytecode",
        )


def _request(batch: Sequence[Module]) -> Iterator[bytes | bytearray | memoryview]:
    yield len(batch).to_bytes(4, "little")
    for name, source in batch:
        for part in (name.encode("utf-8", "surrogateescape"), source):
            yield len(part).to_bytes(4, "little")
            yield part
