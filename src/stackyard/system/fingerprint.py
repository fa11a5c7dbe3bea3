"""One file, link or folder: what tells it from a changed one, and a copy of it."""

from __future__ import annotations

import hashlib
import os
import stat
from contextlib import ExitStack
from pathlib import Path

from stackyard.errors import InputError
from stackyard.oci.disk import disk
from stackyard.system.mmdebstrap import EPOCH

_PIECE = 1 << 20
# A pipe that is there by now would keep whoever opens it waiting.
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


def fingerprint(path: Path, copy: Path | None = None) -> str:
    """The fingerprint of what is at *path*: of its kind, permissions and content.

    Args:
        path: what to read; a link is not followed.
        copy: where to put a copy of just what was read, with a fixed time; nothing may be
            there. A folder is made without permissions for others, nor what is in it.

    Raises:
        InputError: it is a device, a pipe or a socket.
        OutsideError: it cannot be read, or the copy not be written.
    """
    with disk(f"copying {path}" if copy else f"reading {path}"):
        mode = path.lstat().st_mode
        if stat.S_ISLNK(mode):
            target = os.readlink(path)  # noqa: PTH115 - a Path would tidy it up
            if copy:
                copy.symlink_to(target)
                os.utime(copy, (EPOCH, EPOCH), follow_symlinks=False)
            return _digest(b"link\0", os.fsencode(target))
        if stat.S_ISDIR(mode):
            if copy:
                copy.mkdir(0o700)
            return _digest(b"folder\0%o" % stat.S_IMODE(mode))
        if stat.S_ISREG(mode):
            return _file(path, copy)
    raise InputError(
        f"{path} is a device, a pipe or a socket", hint="name it in .dockerignore, or remove it"
    )


def _file(path: Path, copy: Path | None) -> str:
    with ExitStack() as stack:
        file = stack.enter_context(open(os.open(path, _READ), "rb", buffering=0))  # noqa: PTH123
        mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
        digest = hashlib.sha256(b"file\0%o\0" % mode)
        out = stack.enter_context(open(os.open(copy, _NEW, 0o600), "wb")) if copy else None  # noqa: PTH123
        while piece := file.read(_PIECE):
            digest.update(piece)
            if out:
                out.write(piece)
        if out:
            out.flush()
            os.fchmod(out.fileno(), mode)
            os.utime(out.fileno(), (EPOCH, EPOCH))
    return f"sha256:{digest.hexdigest()}"


def _digest(*pieces: bytes) -> str:
    return f"sha256:{hashlib.sha256(b''.join(pieces)).hexdigest()}"
