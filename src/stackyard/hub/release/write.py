"""Writes an edited file in place of the old one: whole, or not at all."""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from pathlib import Path

from stackyard.errors import InputError, Position
from stackyard.oci.disk import disk
from stackyard.wholefile import whole


def replace_text(path: Path, before: str, after: str) -> None:
    """Write the text to the file; its mode stays, and a link to it too.

    Args:
        path: the file.
        before: its text as it was read; if that changed meanwhile, nothing is written.
        after: what to write.

    Raises:
        InputError: it is no file, or its text is not what was read.
        OutsideError: it cannot be written.
    """
    with disk(f"writing {path}"):
        goal = path.resolve()
        known = goal.stat()
        if not stat.S_ISREG(known.st_mode):
            raise InputError(f"writing {path}: it is no file", hint="name a file")
        with whole(goal, stat.S_IMODE(known.st_mode)) as file:
            file.write(after.encode())
            with suppress(PermissionError):
                os.fchown(file.fileno(), known.st_uid, known.st_gid)
            if goal.read_bytes() != before.encode():
                raise InputError(
                    "editing the HelmRelease: the file was changed meanwhile",
                    where=Position(str(path)),
                    hint="run again",
                )
