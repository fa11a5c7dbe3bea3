"""Paths that a stack file names: always inside its folder, always relative."""

from __future__ import annotations

import os
import posixpath
from pathlib import Path, PurePosixPath


class PathError(ValueError):
    """A path that cannot be used: what is wrong, and perhaps what to do."""

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


def inside(root: Path, folder: PurePosixPath, written: str) -> str:
    """Resolve a path written in a file of the project.

    Args:
        root: the project's folder, itself resolved.
        folder: the writing file's folder, relative to the root.
        written: the path as written, relative to `folder`.

    Returns:
        The path relative to the root, normalised, in POSIX form. It exists.

    Raises:
        PathError: absolute, outside of the root (by its words or through a
            symbolic link), or not there.
    """
    relative = normalised(folder, written)
    try:
        real = os.path.realpath(root / relative, strict=True)
    except OSError as error:
        reason = error.strerror or "it cannot be read"
        raise PathError(
            f"{written!r} is not there: {reason.lower()}", _elsewhere(root, folder, written)
        ) from None
    if not Path(real).is_relative_to(root):
        raise PathError(
            f"{written!r} leads out of the project through a symbolic link",
            "copy what it needs into the project",
        )
    return relative


def normalised(folder: PurePosixPath, written: str) -> str:
    """A path as written, relative to the root; it need not be there.

    Raises:
        PathError: it is absolute, or climbs out of the root.
    """
    if "\0" in written:
        raise PathError("a path cannot hold a zero byte")
    if written.startswith(("/", "~")):
        raise PathError(f"{written!r} is not relative", "give a path relative to this file")
    relative = posixpath.normpath(folder / written)
    if relative == ".." or relative.startswith("../"):
        raise PathError(f"{written!r} leaves the project's folder", "move it into the project")
    return relative


def target(written: str) -> str:
    """An absolute path in an image, normalised.

    Raises:
        PathError: it is relative, or has a ``..``.
    """
    if not written.startswith("/"):
        raise PathError(f"{written!r} is not an absolute path")
    if ".." in written.split("/"):
        raise PathError(f"{written!r} has a '..'")
    return "/" + posixpath.normpath(written).lstrip("/").removeprefix(".")


def _elsewhere(root: Path, folder: PurePosixPath, written: str) -> str | None:
    there = folder != PurePosixPath() and os.path.lexists(root / posixpath.normpath(written))
    return "paths are relative to the file they are written in" if there else None
