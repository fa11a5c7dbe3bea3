"""Disk errors in the user's words."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager

from stackyard.errors import OutsideError

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


def is_full(error: OSError) -> bool:
    """Whether *error* says that the disk, the quota or the file size limit is used up."""
    return error.errno in _FULL


def outside(doing: str, error: OSError) -> OutsideError:
    """*error* as the error that a user sees.

    Args:
        doing: what was being done, such as ``writing to the store DIR``.
        error: what the operating system said.
    """
    if is_full(error):
        hint = "make room on that disk (or raise its quota), then run again; nothing was damaged"
    elif error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        hint = "give this user the right to do that, or choose another place"
    else:
        hint = "check that the path exists and that its disk is healthy, then run again"
    return OutsideError(f"{doing}: {error.strerror or error}", hint=hint)


@contextmanager
def disk(doing: str) -> Iterator[None]:
    """Turn every OSError inside into an OutsideError that begins with *doing*."""
    try:
        yield
    except OSError as error:
        raise outside(doing, error) from error
