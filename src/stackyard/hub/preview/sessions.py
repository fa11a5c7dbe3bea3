"""What a preview leaves on the machine, written down before it is made.

A preview that was killed cannot clean up after itself. Its record is locked for as long as
its process lives, so the next preview finds it, and removes what it names.
"""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from filelock import FileLock

from stackyard.errors import StackyardError
from stackyard.hub.preview.engine import Engine, EngineName
from stackyard.oci.disk import disk

LABEL = "org.stackyard.preview"
_PREFIX = "stackyard-hub-"
_LOGS = 5
"""Logs of earlier previews that are kept."""

Find = Callable[[EngineName], Engine]


@dataclass(frozen=True)
class Session:
    """One preview.

    Attributes:
        name: part of the names of all that it makes.
        folder: for its files; only this user can look into it, and it ends with the session.
        log: the hub's; it stays.
    """

    name: str
    folder: Path
    log: Path

    @property
    def label(self) -> str:
        """What all its containers and volumes are labelled with."""
        return f"{LABEL}={self.name}"


@contextmanager
def session(root: Path, engine: Engine) -> Iterator[Session]:
    """A session, recorded; at the end nothing of it is left but its log.

    Args:
        root: the folder of all previews.
        engine: which its containers and volumes are removed from.

    Raises:
        OutsideError: the disk is full or broken.
    """
    name = secrets.token_hex(4)
    with disk(f"writing to {root}"):
        records, logs = root / "sessions", root / "logs"
        records.mkdir(parents=True, exist_ok=True)
        logs.mkdir(exist_ok=True)
        _forget(logs)
        log = logs / f"{name}.log"
        os.close(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        folder = Path(tempfile.mkdtemp(prefix=_PREFIX))
        record = records / f"{name}.json"
        with FileLock(root / "sessions.lock"):
            lock = record.open("xb")
            lock.write(json.dumps({"engine": engine.name, "folder": str(folder)}).encode())
            lock.flush()
            fcntl.flock(lock, fcntl.LOCK_EX)
    with lock:
        made = Session(name, folder, log)
        try:
            yield made
        finally:
            _clear(engine, made.name, folder, record)


def sweep(root: Path, find: Find) -> None:
    """Remove what previews left that were killed; what cannot be reached now stays recorded."""
    records = root / "sessions"
    if not records.is_dir():
        return
    with disk(f"reading {records}"), FileLock(root / "sessions.lock"):
        for record in sorted(records.glob("*.json")):
            with suppress(FileNotFoundError), record.open("rb") as file:
                if _is_alive(file):
                    continue
                _sweep_one(record, file.read(), find)


def _is_alive(record: BinaryIO) -> bool:
    try:
        fcntl.flock(record, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    return False


def _sweep_one(record: Path, text: bytes, find: Find) -> None:
    try:
        found = json.loads(text)
        engine, folder = found["engine"], Path(found["folder"])
    except (ValueError, KeyError, TypeError):
        record.unlink()  # killed while it wrote: nothing was made yet
        return
    with suppress(StackyardError):
        _clear(find(engine), record.stem, folder, record)


def _clear(engine: Engine, name: str, folder: Path, record: Path) -> None:
    if folder.name.startswith(_PREFIX):  # whatever a record says
        shutil.rmtree(folder, ignore_errors=True)
    engine.remove(f"{LABEL}={name}")
    record.unlink(missing_ok=True)


def _forget(logs: Path) -> None:
    newest = sorted(logs.glob("*.log"), key=lambda path: path.stat().st_mtime, reverse=True)
    for path in newest[_LOGS - 1 :]:
        path.unlink(missing_ok=True)
