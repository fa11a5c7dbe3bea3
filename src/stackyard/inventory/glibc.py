"""Which C library an image has: what wheels it can load depends on it.

https://packaging.python.org/en/latest/specifications/platform-compatibility-tags/
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from stackyard.inventory.debian import upstream
from stackyard.inventory.filesystem import FileSystem

_FOLDERS = ("lib", "lib64", "usr/lib", "usr/lib64")
_NUMBER = re.compile(r"\d+\.\d+")
_FILE = re.compile(r"libc-(\d+\.\d+)\.so")
_BANNER = re.compile(rb"GNU C Library [^\0\n]{0,100}version (\d+\.\d+)")


def glibc_version(fs: FileSystem, packages: Mapping[str, str]) -> str | None:
    """The version of glibc, such as ``2.36``; None when there is none, as with musl.

    Args:
        fs: the image's files.
        packages: its Debian packages, name to version.
    """
    match = _NUMBER.match(upstream(packages.get("libc6", "")))
    if match:
        return match[0]
    for path in _libraries(fs):
        named = _FILE.fullmatch(path.rpartition("/")[2])
        if named:
            return named[1]
        banner = _BANNER.search(fs.read(path))
        if banner:
            return banner[1].decode()
    return None


def _libraries(fs: FileSystem) -> Iterator[str]:
    """Every libc.so.6, with links followed: once ``libc-2.31.so``, now a file of that name."""
    for folder in _FOLDERS:
        for place in (folder, *(f"{folder}/{name}" for name in fs.listdir(folder))):
            path = fs.resolve(f"{place}/libc.so.6")
            if path is not None and fs.is_file(path):
                yield path
