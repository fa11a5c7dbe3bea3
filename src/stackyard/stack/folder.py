"""A layer's own folder, and the files in it that need no key."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import PurePosixPath

from stackyard.stack.instructions import TEMPLATE
from stackyard.stack.paths import PathError, inside, normalised
from stackyard.stack.written import Written

FOLDERS = "layers"
"""Beside a file that defines layers: where their folders are, by name."""


@dataclass(frozen=True, slots=True)
class Folder:
    """What a layer's folder has, each a path relative to the root, or None.

    Attributes:
        apt: Debian packages, one a line.
        pip: Python requirements.
        containerfile: a template of a Containerfile.
        script: a shell script.
    """

    apt: str | None = None
    pip: str | None = None
    containerfile: str | None = None
    script: str | None = None


def layer_folder(written: Written, told: str | None, containerfile: str | None) -> Folder:
    """What the layer's folder has; nothing when it has no folder.

    Args:
        written: the layer.
        told: the folder that it names itself.
        containerfile: the one that it names itself. Where that is a Dockerfile as it
            stands, what is beside it in a folder that nobody named is its own business.
    """
    folder = _found(written) if told is None else _named(written, told)
    if folder is None or (told is None and _belongs_to(written, folder, containerfile)):
        return Folder()
    return Folder(
        apt=_file(written, folder, "apt.txt"),
        pip=_file(written, folder, "requirements.txt"),
        containerfile=_file(written, folder, "Containerfile.j2"),
        script=_file(written, folder, "run.sh"),
    )


def _belongs_to(written: Written, folder: PurePosixPath, containerfile: str | None) -> bool:
    if containerfile is None or containerfile.endswith(TEMPLATE):
        return False
    try:
        path = normalised(written.definition.folder, containerfile)
    except PathError:
        return False  # told where it is read
    return PurePosixPath(path).parent == folder


def _named(written: Written, told: str) -> PurePosixPath | None:
    try:
        relative = inside(written.root, written.definition.folder, told)
        if not (written.root / relative).is_dir():
            raise PathError(f"{told!r} is not a folder")
    except PathError as error:
        written.fail(("folder",), error.message, error.hint)
        return None
    return PurePosixPath(relative)


def _found(written: Written) -> PurePosixPath | None:
    home = written.definition.folder
    beside = home / FOLDERS / written.name
    own = home if home.name == written.name else None
    if not os.path.lexists(written.root / beside):
        return own
    try:
        relative = inside(written.root, PurePosixPath(), str(beside))
    except PathError as error:
        written.fail((), f"its folder: {error.message}", error.hint)
        return None
    return PurePosixPath(relative) if (written.root / relative).is_dir() else own


def _file(written: Written, folder: PurePosixPath, name: str) -> str | None:
    path = folder / name
    # Also a link to nowhere is there: it is meant to be used.
    if not os.path.lexists(written.root / path):
        return None
    try:
        relative = inside(written.root, PurePosixPath(), str(path))
        if not (written.root / relative).is_file():
            raise PathError(f"{relative!r} is not a file")
    except PathError as error:
        written.fail((), f"its folder: {error.message}", error.hint)
        return None
    return relative
