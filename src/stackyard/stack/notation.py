"""Small notations inside values: durations, modes, owners."""

from __future__ import annotations

import re

DURATION = r"(?:\d+h)?(?:\d+m)?(?:\d+(?:\.\d+)?s)?(?:\d+ms)?"
MODE = r"(?:0o?)?[0-7]{3,4}"
OWNER = r"\d{1,10}:\d{1,10}"

_PARTS = re.compile(r"(?:(\d+)h)?(?:(\d+)m(?!s))?(?:(\d+(?:\.\d+)?)s)?(?:(\d+)ms)?")
_DAY = 24 * 3600.0


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
