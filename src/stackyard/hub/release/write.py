"""Writes an edited file in place of the old one: whole, or not at all."""

from __future__ import annotations

import os
import stat
import tempfile
from contextlib import suppress
from pathlib import Path

from stackyard.errors import InputError, Position
from stackyard.oci.disk import disk


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
        handle, name = tempfile.mkstemp(prefix=f".{goal.name[:80]}.", dir=goal.parent)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(after.encode())
                file.flush()
                os.fsync(file.fileno())
            with suppress(PermissionError):
                os.chown(name, known.st_uid, known.st_gid)
            Path(name).chmod(stat.S_IMODE(known.st_mode))
            if goal.read_bytes() != before.encode():
                raise InputError(
                    "editing the HelmRelease: the file was changed meanwhile",
                    where=Position(str(path)),
                    hint="run again",
                )
            Path(name).replace(goal)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
