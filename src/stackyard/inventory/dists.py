"""The Python distributions that are installed in given directories.

https://packaging.python.org/en/latest/specifications/recording-installed-packages/
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from importlib.metadata import Distribution
from pathlib import PurePosixPath

from packaging.utils import InvalidName, canonicalize_name
from packaging.version import InvalidVersion, Version

from stackyard.inventory.facts import BaseDist
from stackyard.inventory.filesystem import FileSystem

_RECORD = re.compile(r"(?P<name>[^-]+?)(-(?P<version>[^-]+))?(-py[\d.]+(-.*)?)?\.(dist|egg)-info")


def dists_in(fs: FileSystem, directories: Iterable[str]) -> tuple[BaseDist, ...]:
    """What Python finds in *directories*, sorted by name; of two of a name the first counts.

    Args:
        fs: the image's files.
        directories: as in ``sys.path``, in its order.
    """
    found: dict[str, BaseDist] = {}
    for directory in directories:
        for record in fs.listdir(directory):
            dist = _dist(fs, directory, record) if record.endswith("-info") else None
            if dist:
                found.setdefault(dist.name, dist)
    return tuple(found[name] for name in sorted(found))


class _Installed(Distribution):
    """The standard library's reader of a record, on files of an image.

    It knows egg-info's ``requires.txt`` and turns it into requirements with markers.
    """

    def __init__(self, fs: FileSystem, record: str) -> None:
        self._fs = fs
        self._record = record

    def read_text(self, filename: str) -> str | None:
        """A file of the record; "" is the record itself, when it is one file."""
        return self._fs.text(f"{self._record}/{filename}" if filename else self._record)

    def locate_file(self, path: str | os.PathLike[str]) -> PurePosixPath:  # type: ignore[override]
        """Where a file of the distribution would be."""
        return PurePosixPath(self._record).parent / path


def _dist(fs: FileSystem, directory: str, record: str) -> BaseDist | None:
    """What a record tells, or None when it tells no valid name and version."""
    named = _RECORD.fullmatch(record)
    if named is None:
        return None
    installed = _Installed(fs, f"{directory}/{record}")
    # Without metadata the standard library raises from some Python version on.
    if not any(installed.read_text(name) for name in ("METADATA", "PKG-INFO", "")):
        return None
    metadata = installed.metadata
    name = metadata["Name"] if "Name" in metadata else named["name"]
    version = metadata["Version"] if "Version" in metadata else named["version"]
    try:
        return BaseDist(
            canonicalize_name(name, validate=True),
            str(Version(version or "")),
            tuple(installed.requires or ()),
        )
    except (InvalidName, InvalidVersion):
        return None  # pip does not see it either
