"""Small notations inside values: durations, modes, owners."""

from __future__ import annotations

import re
from datetime import datetime

from stackyard.stack.paths import PathError, target

DURATION = r"(?:\d+h)?(?:\d+m)?(?:\d+(?:\.\d+)?s)?(?:\d+ms)?"
MODE = r"(?:0o?)?[0-7]{3,4}"
OWNER = r"\d{1,10}:\d{1,10}"
SNAPSHOT = r"\d{8}T\d{6}Z|\d{4}-\d{2}-\d{2}"
CACHE = r"(/+[A-Za-z0-9._@+~%-]+)+/*"

_PARTS = re.compile(r"(?:(\d+)h)?(?:(\d+)m(?!s))?(?:(\d+(?:\.\d+)?)s)?(?:(\d+)ms)?")
_DAY = 24 * 3600.0
_KERNEL = ("/proc", "/sys", "/dev")


def read_duration(text: str) -> float:
    """Seconds of a duration such as ``1m30s``, ``500ms``, or a number of seconds.

    Raises:
        ValueError: it is not one, or longer than a day.
    """
    if re.fullmatch(r"\d+(\.\d+)?", text):
        seconds = float(text)
    else:
        found = _PARTS.fullmatch(text)
        if not text or found is None:
            raise ValueError(text)
        hours, minutes, secs, millis = (float(part or 0) for part in found.groups())
        seconds = hours * 3600 + minutes * 60 + secs + millis / 1000
    if seconds > _DAY:
        raise ValueError(text)
    return seconds


def read_mode(text: str) -> int:
    """Permission bits from octal digits.

    Raises:
        ValueError: it is something else.
    """
    if not re.fullmatch(MODE, text):
        raise ValueError(text)
    return int(text.removeprefix("0o"), 8)


def read_owner(text: str) -> tuple[int, int]:
    """User and group id from ``uid:gid``.

    Raises:
        ValueError: it is something else, or an id is 2**31 or more.
    """
    if not re.fullmatch(OWNER, text):
        raise ValueError(text)
    uid, gid = (int(part) for part in text.split(":"))
    if max(uid, gid) >= 2**31:
        raise ValueError(text)
    return uid, gid


def read_snapshot(text: str) -> str:
    """A time as snapshot.debian.org writes it; a date is its first second.

    Raises:
        ValueError: it is neither, or there is no such day or second.
    """
    if not re.fullmatch(SNAPSHOT, text, re.ASCII):
        raise ValueError(text)
    form = "%Y-%m-%d" if "-" in text else "%Y%m%dT%H%M%SZ"
    return f"{datetime.strptime(text, form):%Y%m%dT%H%M%S}Z"


def read_cache(text: str) -> str:
    """A directory of an image that a cache can be mounted on, normalised.

    Raises:
        ValueError: it is relative, has a ``..`` or what a mount option could not hold,
            or is no place for one.
    """
    try:
        path = target(text)
    except PathError:
        raise ValueError(text) from None
    kernel = any(path == top or path.startswith(f"{top}/") for top in _KERNEL)
    if not re.fullmatch(CACHE, text) or path == "/" or kernel:
        raise ValueError(text)
    return path
