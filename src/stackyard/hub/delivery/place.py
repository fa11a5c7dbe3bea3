"""Puts a delivery's files where they shall be: each whole or not at all."""

from __future__ import annotations

import stat
from pathlib import Path

from stackyard.errors import InputError, OutsideError
from stackyard.hub.delivery.comments import comment, origin
from stackyard.hub.delivery.shape import Delivery
from stackyard.stack.values import Stack
from stackyard.wholefile import whole

_MODE = 0o644


def place(delivery: Delivery, path: Path, stack: Stack, *, folder: bool) -> None:
    """Write the files.

    Args:
        delivery: the files.
        path: the file, or the folder, which is made if it is not there.
        stack: where they come from.
        folder: which of the two it is.

    Raises:
        InputError: the path is the stack file, a part of it, or its lock; or no place for a
            folder or a file; or the folder has a file of somebody else's under a name of ours.
        OutsideError: it cannot be written.
    """
    _check_sources(path, stack)
    if folder:
        _place_folder(delivery, path, stack)
    elif path.is_dir():
        raise InputError(
            f"writing the profile list to {path}: that is a folder", hint="name a file in it"
        )
    else:
        _write(path, delivery.text)


def _check_sources(path: Path, stack: Stack) -> None:
    """Refuse to write over what the list is made from."""
    variants = stack.variants.values()
    places = [layer.where for variant in variants for layer in variant.layers.values()]
    places += [image.where for variant in variants for image in variant.images.values()]
    parts = {Path(where.file).resolve() for where in places}
    goal = path.resolve()
    sources = dict.fromkeys(parts, "a part of the stack file") | {
        stack.path.with_suffix(".lock").resolve(): "the lock",
        stack.path.resolve(): "the stack file",
    }
    if goal in sources:
        raise InputError(
            f"writing the profile list to {path}: that is {sources[goal]}",
            hint="name another file",
        )


def _place_folder(delivery: Delivery, path: Path, stack: Stack) -> None:
    if path.exists() and not path.is_dir():
        raise InputError(
            f"writing the profile list to {path}: that is no folder",
            hint="this format is several files: name a folder of its own",
        )
    ours = comment(origin(stack)[0]).encode()
    for name in delivery.files:
        if (path / name).exists() and not _begins(path / name, ours):
            raise InputError(
                f"writing the profile list to {path}: its {name} is not one of ours",
                hint="name a folder of its own",
            )
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutsideError(f"making the folder {path}: {error.strerror}") from error
    for name, text in delivery.files.items():
        _write(path / name, text)


def _begins(path: Path, start: bytes) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(len(start)) == start
    except OSError as error:
        raise OutsideError(f"reading {path}: {error.strerror}") from error


def _write(path: Path, text: str) -> None:
    try:
        known = path.stat() if path.exists() else None
        if known and not stat.S_ISREG(known.st_mode):
            path.write_text(text, encoding="utf-8")  # such as a terminal or a pipe
        else:
            mode = stat.S_IMODE(known.st_mode) if known else _MODE
            with whole(path.resolve(), mode) as file:  # a link stays one
                file.write(text.encode())
    except OSError as error:
        raise OutsideError(
            f"writing {path}: {error.strerror}", hint="what was there before is unchanged"
        ) from error
