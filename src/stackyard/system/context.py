"""Contexts: the files that a Containerfile, or a script, may see.

They are copied before an engine sees them, so that it sees just what the key holds,
with times that are the same everywhere.
"""

from __future__ import annotations

import os
import posixpath
import stat
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

from stackyard.errors import InputError
from stackyard.oci.disk import disk
from stackyard.system.fingerprint import fingerprint
from stackyard.system.ignore import Ignore
from stackyard.system.mmdebstrap import EPOCH

MAX_FILES = 100_000
"""How many files and folders a context may have."""

_LONGEST_IGNORE = 1 << 20
_PLAIN = 0o755


def fingerprints(
    root: Path, folder: str, ignore_for: str | None, *, leave_out: Collection[str] = ()
) -> dict[str, str]:
    """Every file and link of a context, and what tells it from a changed one.

    Folders are among them when they are empty, or have other permissions than 0755. A
    ``.git`` at the context's top is not in it.

    Args:
        root: the project's folder.
        folder: the context, relative to it.
        ignore_for: the name of the Containerfile, whose own ignore file comes first.
        leave_out: names at the context's top that are not in it.

    Returns:
        Path relative to *root* to its fingerprint, which covers kind, permissions and
        content; sorted by path.

    Raises:
        InputError: it has something that cannot be copied, or too much, or it leaves
            *root*; or its ignore file is wrong.
        OutsideError: it cannot be read.
    """
    top = _top(root, folder)
    found = _survey(top, _ignore(root, top, ignore_for), frozenset({*leave_out, ".git"}))
    full = {posixpath.dirname(path) for path in found}
    prints = {
        _named(posixpath.normpath(posixpath.join(folder, path))): fingerprint(top / path)
        for path, mode in found.items()
        if mode != stat.S_IFDIR | _PLAIN or path not in full
    }
    return dict(sorted(prints.items()))


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
    top = _top(root, folder)
    folders = {target: _PLAIN}
    for path, expected in sorted(files.items()):
        inside = posixpath.relpath(path, folder)
        source, copy = top / inside, target / inside
        with disk(f"copying {path}"):
            _make_parents(copy, folders)
            mode = source.lstat().st_mode if source.is_symlink() or source.exists() else 0
        if not mode or fingerprint(source, copy) != expected:
            message = f"{path} has changed since the build began"
            raise InputError(message, hint="run the command again")
        if stat.S_ISDIR(mode):
            folders[copy] = stat.S_IMODE(mode)
    with disk(f"writing to {target}"):
        # Last, because what is in them comes after them, and changes their time.
        for made in sorted(folders, reverse=True):
            made.chmod(folders[made])
            os.utime(made, (EPOCH, EPOCH))


def _make_parents(copy: Path, folders: dict[Path, int]) -> None:
    missing = []
    while (copy := copy.parent) not in folders:
        missing.append(copy)
    for parent in reversed(missing):
        parent.mkdir(0o700)
        folders[parent] = _PLAIN


def _top(root: Path, folder: str) -> Path:
    """The context's folder, resolved."""
    with disk(f"reading the folder {folder}"):
        base = Path(os.path.realpath(root))
        top = Path(os.path.realpath(base / folder))
    if not top.is_relative_to(base):
        raise InputError(
            f"the folder {folder} is not in the project {root}",
            hint="move it there; a symbolic link may not lead out",
        )
    return top


def _ignore(root: Path, top: Path, containerfile: str | None) -> Ignore:
    names = [f"{containerfile}.dockerignore"] if containerfile else []
    for name in (*names, ".containerignore", ".dockerignore"):
        path = top / name
        with disk(f"reading {path}"):
            if not path.is_file():
                continue
            if not path.resolve().is_relative_to(root.resolve()):
                message = f"{path} leads out of the project through a symbolic link"
                raise InputError(message, hint="put the file itself there")
            with path.open("rb") as file:
                data = file.read(_LONGEST_IGNORE + 1)
        if len(data) > _LONGEST_IGNORE:
            raise InputError(f"{path} has more than {_LONGEST_IGNORE} bytes", hint="shorten it")
        return Ignore.parse(data.decode("utf-8", "surrogateescape"), str(path))
    return Ignore()


def _survey(top: Path, ignore: Ignore, leave_out: frozenset[str]) -> dict[str, int]:
    """All that is in a context, folders included: path in it to kind and permissions."""
    found: dict[str, int] = {}
    outer: dict[str, int] = {}
    for path, mode, ignored in _walk(top, ignore, leave_out):
        (outer if ignored else found)[path] = mode
        if len(found) > MAX_FILES:
            raise InputError(
                f"the folder {top} has more than {MAX_FILES} files",
                hint="name what is not needed in its .dockerignore",
            )
    # A folder that is left out is there all the same for what comes back in it.
    for path in list(found):
        while (path := posixpath.dirname(path)) and path not in found:
            found[path] = outer[path]
    return found


def _walk(top: Path, ignore: Ignore, leave_out: frozenset[str]) -> Iterator[tuple[str, int, bool]]:
    """Each path with its mode, and whether it is left out: a folder in which some is not."""
    left = [""]
    while left:
        below = left.pop()
        for entry in _listed(top / below):
            path = below + entry.name
            if not below and path in leave_out:
                continue
            ignored = ignore(path)
            if ignored and not (ignore.keeps_some and entry.is_dir(follow_symlinks=False)):
                continue
            with disk(f"reading {entry.path}"):
                mode = entry.stat(follow_symlinks=False).st_mode
            yield path, mode, ignored
            if stat.S_ISDIR(mode):
                left.append(f"{path}/")


def _listed(folder: Path) -> list[os.DirEntry[str]]:
    with disk(f"reading the folder {folder}"), os.scandir(folder) as entries:
        return list(entries)


def _named(path: str) -> str:
    """A path as text that is always UTF-8."""
    try:
        path.encode()
    except UnicodeEncodeError:
        shown = os.fsencode(path).decode("utf-8", "backslashreplace")
        raise InputError(
            f"the name of a file is not UTF-8: {shown}",
            hint="rename it, or name it in .dockerignore",
        ) from None
    return path
