"""Paths as archives give them: checked before they become places in an image."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable

_DRIVE = re.compile(r"[A-Za-z]:")
_NEVER = frozenset(("", ".", ".."))

PLAIN = frozenset(
    (
        *("bin", "boot", "dev", "etc", "home", "lib", "lib32", "lib64", "libx32", "media", "mnt"),
        *("opt", "proc", "root", "run", "sbin", "srv", "sys", "tmp", "usr", "var"),
        *("usr/bin", "usr/lib", "usr/lib32", "usr/lib64", "usr/sbin", "usr/share"),
        *("usr/local", "usr/local/man"),
        *("var/cache", "var/lib", "var/lock", "var/log", "var/mail", "var/run", "var/tmp"),
    )
)
"""Directories that no layer of ours writes, for every root file system has them.

An entry would do harm: many are symbolic links (``/bin``, ``/usr/local/man``),
which a directory replaces, and others have modes of their own (``/tmp``).
"""


def problem_of(path: str) -> str | None:
    """Why *path* is not a plain relative path, in a few words; None when it is one."""
    if "\\" in path:
        return "it has a backslash"
    if path.startswith("/") or _DRIVE.match(path):
        return "it is absolute"
    if "\0" in path:
        return "it has a NUL byte"
    if not _NEVER.isdisjoint(path.split("/")):
        return "it climbs out of its place" if ".." in path.split("/") else "it is not normalised"
    return None


def directories_of(paths: Iterable[str]) -> set[str]:
    """Every directory that the given relative paths are in."""
    found: set[str] = set()
    for path in paths:
        parent = posixpath.dirname(path)
        while parent and parent not in found:
            found.add(parent)
            parent = posixpath.dirname(parent)
    return found
