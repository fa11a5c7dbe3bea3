"""Contexts: the files that a Containerfile, or a script, may see.

They are copied before an engine sees them, so that it sees just what the key holds,
with times that are the same everywhere.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

from stackyard.errors import InputError
from stackyard.oci.disk import disk
from stackyard.system.ignore import Ignore
from stackyard.system.mmdebstrap import EPOCH

MAX_FILES = 100_000
_CHUNK = 1 << 20
_LONGEST_IGNORE = 1 << 20


def fingerprints(
    root: Path, folder: str, ignore_for: str | None, *, leave_out: Collection[str] = ()
) -> dict[str, str]:
    """Every file, link and empty folder of a context, and what tells it from a changed one.

    Args:
        root: the project's folder.
        folder: the context, relative to it.
        ignore_for: the name of the Containerfile, whose own ignore file comes first.
        leave_out: names at the context's top that are not in it.

    Returns:
        Path relative to *root* to its fingerprint, which covers kind, permissions and
        content; sorted by path.

    Raises:
        InputError: it has something that cannot be copied, or too much.
        OutsideError: it cannot be read.
    """
    top = root / folder
    found: dict[str, str] = {}
    with disk(f"reading {top}"):
        ignore = _ignore(top, ignore_for)
        for entry in _walk(top, "", ignore, frozenset(leave_out)):
            if len(found) >= MAX_FILES:
                raise InputError(
                    f"the folder {folder} has more than {MAX_FILES} files",
                    hint="name what is not needed in its .dockerignore",
                )
            inside = os.path.relpath(entry, root)
            found[_named(inside)] = _fingerprint(entry)
    return dict(sorted(found.items()))


def stage(root: Path, folder: str, files: Mapping[str, str], target: Path) -> None:
    """Copy a context.

    Args:
        root: the project's folder.
        folder: the context, relative to it.
        files: what `fingerprints` gave.
        target: an empty folder.

    Raises:
        InputError: a file has changed since.
        OutsideError: it cannot be read or written.
    """
    top = root / folder
    with disk(f"copying {top}"):
        for path, expected in files.items():
            source = root / path
            copy = target / source.relative_to(top)
            _make_parents(source.parent, copy.parent, target)
            try:
                _copy(source, copy)
                same = _fingerprint(copy) == expected
            except FileNotFoundError:
                same = False
            if not same:
                raise InputError(
                    f"{path} has changed since the build began", hint="run the command again"
                )
        for place, folders, names in os.walk(target, topdown=False):
            for name in (*folders, *names):
                os.utime(Path(place, name), (EPOCH, EPOCH), follow_symlinks=False)
        os.utime(target, (EPOCH, EPOCH))


def _ignore(top: Path, containerfile: str | None) -> Ignore:
    names = [f"{containerfile}.dockerignore"] if containerfile else []
    for name in (*names, ".containerignore", ".dockerignore"):
        path = top / name
        if path.is_file() and path.resolve().is_relative_to(top.resolve()):
            with path.open("rb") as file:
                return Ignore.parse(file.read(_LONGEST_IGNORE).decode("utf-8", "replace"))
    return Ignore()


def _walk(folder: Path, below: str, ignore: Ignore, leave_out: frozenset[str]) -> Iterator[Path]:
    empty = True
    with os.scandir(folder) as entries:
        listed = sorted(entries, key=lambda entry: entry.name)
    for entry in listed:
        path = below + entry.name
        if not below and (entry.name in leave_out or entry.name == ".git"):
            continue
        ignored = ignore(path)
        if entry.is_dir(follow_symlinks=False):
            if not ignored or ignore.keeps_some:
                inside = list(_walk(Path(entry.path), f"{path}/", ignore, frozenset()))
                # A folder that is left out is there for what comes back in it only.
                if ignored and inside == [Path(entry.path)]:
                    inside = []
                empty = empty and not inside
                yield from inside
        elif not ignored:
            empty = False
            yield Path(entry.path)
    if empty and below:
        yield folder


def _fingerprint(path: Path) -> str:
    found = path.lstat()
    mode = stat.S_IMODE(found.st_mode)
    digest = hashlib.sha256()
    if stat.S_ISLNK(found.st_mode):
        digest.update(b"link\0" + os.fsencode(path.readlink()))
    elif stat.S_ISDIR(found.st_mode):
        digest.update(f"folder\0{mode:o}".encode())
    elif stat.S_ISREG(found.st_mode):
        digest.update(f"file\0{mode:o}\0".encode())
        with path.open("rb") as file:
            while piece := file.read(_CHUNK):
                digest.update(piece)
    else:
        raise InputError(
            f"{path}: neither a file, a folder nor a link", hint="name it in .dockerignore"
        )
    return f"sha256:{digest.hexdigest()}"


def _named(path: str) -> str:
    """A path as text that is always UTF-8."""
    try:
        path.encode()
    except UnicodeEncodeError:
        raise InputError(
            f"a file's name is not UTF-8: {path.encode('utf-8', 'backslashreplace').decode()}",
            hint="rename it, or name it in .dockerignore",
        ) from None
    return path


def _make_parents(source: Path, copy: Path, target: Path) -> None:
    missing = []
    while copy != target and not copy.exists():
        missing.append((source, copy))
        source, copy = source.parent, copy.parent
    for original, made in reversed(missing):
        made.mkdir()
        made.chmod(stat.S_IMODE(original.stat().st_mode))


def _copy(source: Path, copy: Path) -> None:
    if source.is_symlink():
        copy.symlink_to(source.readlink())
    elif source.is_dir():
        copy.mkdir(exist_ok=True)
        copy.chmod(stat.S_IMODE(source.stat().st_mode))
    else:
        shutil.copyfile(source, copy, follow_symlinks=False)
        copy.chmod(stat.S_IMODE(source.stat().st_mode))
