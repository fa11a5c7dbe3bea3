"""Places for unfinished work that outlive no process.

Each process has one folder ``NAME`` under a store's ``tmp`` and holds a lock on
``NAME.lock`` for as long as it, or a child that it forked, lives: the kernel
drops the lock however the process ends. Who finds a lock free may clear it away.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import shutil
from pathlib import Path

_own: dict[Path, Path] = {}


def own_place(parent: Path) -> Path:
    """This process's folder under *parent*, made at its first use.

    Raises:
        OSError: it cannot be made.
    """
    place = _own.get(parent)
    if place is None or not place.is_dir():
        place = _own[parent] = _make_place(parent)
    return place


def _make_place(parent: Path) -> Path:
    while True:
        place = parent / secrets.token_hex(8)
        lock = _lock_of(place)
        # The descriptor is never closed: the lock lasts as long as the process.
        descriptor = os.open(lock, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, 0o600)
        if _take(descriptor) and _is_still(descriptor, lock):
            place.mkdir()
            return place
        os.close(descriptor)  # a sweep was between our two calls


def sweep(parent: Path) -> None:
    """Remove the places of processes that are gone; what cannot be removed is left."""
    for lock in parent.glob("*.lock"):
        try:
            descriptor = os.open(lock, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
        except OSError:
            continue  # another sweep took it
        try:
            if _take(descriptor) and remove(lock.with_suffix("")):
                lock.unlink(missing_ok=True)
        finally:
            os.close(descriptor)
    for place in parent.iterdir():
        # A lock comes before its place and goes after it; only a power failure parts them.
        if place.is_dir() and not _lock_of(place).exists():
            remove(place)


def others(parent: Path) -> int:
    """How many other processes have a place under *parent*: they may be writing.

    Raises:
        OSError: that cannot be found out.
    """
    own = _own.get(parent)
    locks = [lock for lock in parent.glob("*.lock") if own is None or lock != _lock_of(own)]
    return sum(map(_is_held, locks))


def _is_held(lock: Path) -> bool:
    try:
        descriptor = os.open(lock, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
    except FileNotFoundError:
        return False  # a sweep took it
    try:
        return not _take(descriptor)
    finally:
        os.close(descriptor)


def remove(place: Path) -> bool:
    """Remove a folder as far as that is possible and safe; tells whether it is gone."""
    if not has_mounts(place):
        shutil.rmtree(place, ignore_errors=True)
    return not place.exists()


def has_mounts(place: Path) -> bool:
    """Whether something is mounted in *place*: removing it would remove what is mounted."""
    try:
        table = Path("/proc/self/mountinfo").read_bytes().decode("utf-8", "surrogateescape")
    except OSError:
        return False  # not Linux
    inside = f"{place.resolve()}/".replace(" ", "\\040")
    return any(f"{line.split()[4]}/".startswith(inside) for line in table.splitlines())


def _lock_of(place: Path) -> Path:
    return place.with_suffix(".lock")


def _take(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _is_still(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except OSError:
        return False
