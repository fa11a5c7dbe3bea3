"""Which files' contents tell what is in an image."""

from __future__ import annotations

import re

_WANTED = re.compile(
    r"""
    etc/(passwd|group|shadow|gshadow|os-release)
    | (usr/)?lib/os-release
    | var/lib/dpkg/status(\.d/[^/]+)?
    | .*\.dist-info/METADATA
    | .*\.egg-info(/PKG-INFO|/requires\.txt)?
    | (.*/)?pyvenv\.cfg
    | .*/include/python3[^/]*/patchlevel\.h
    """,
    re.VERBOSE,
)


def is_wanted(path: str) -> bool:
    """Whether the file at *path* (no leading slash) is kept while layers are read."""
    return _WANTED.fullmatch(path) is not None
