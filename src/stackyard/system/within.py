"""Paths that the stack file names, which may not leave its folder."""

from __future__ import annotations

from pathlib import Path

from stackyard.errors import InputError


def within(root: Path, path: str) -> Path:
    """The path that a base names, links followed.

    Args:
        root: the stack's folder.
        path: relative to it.

    Raises:
        InputError: nothing is there, or it is out of *root*.
    """
    try:
        folder = root.resolve(strict=True)
        place = (folder / path).resolve(strict=True)
    except (OSError, RuntimeError, ValueError) as error:
        raise InputError(
            f"reading the base {path}: it is not there",
            hint=f"paths are relative to the stack file's folder, {root}",
        ) from error
    if not place.is_relative_to(folder):
        raise InputError(
            f"reading the base {path}: it is outside the stack file's folder",
            hint=f"move it into {root}",
        )
    return place
