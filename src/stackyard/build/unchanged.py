"""Whether a build is the last one again: asked before anything is read.

Reading a stack takes longer than finding out that no file of its folder has changed
since the last build. As git and ninja do, this trusts what the file system says of a file:
its inode, its length and the times of its last changes; a file that changed just now, and
could again without another time, is read. Nothing that a stack names is outside of its
folder, and bases are pinned by the lock, so nothing else decides.

Imports stay few here: this module is all that such a build needs.
"""

from __future__ import annotations

import hashlib
import os
import stat
import sys
import time
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import stackyard
from stackyard.build.keys import key_of
from stackyard.oci.store import Store

MAX_FILES = 10_000
"""In a larger folder, looking at all files takes as long as reading the stack."""
_SETTLED = 2_000_000_000
"""Nanoseconds after which a file that changes again is sure to get another time."""
_MOST_FRESH = 16 << 20
"""Bytes of files that changed so lately that they have to be read."""
_KIND = "built-1"


@dataclass(frozen=True)
class BuiltImage:
    """An image that is whole.

    Attributes:
        name: of the target, such as ``geo-ml:py311``.
        platform: such as ``linux/amd64``.
        manifest: the manifest's digest.
        blobs: digests of its config and its layers, with their sizes in bytes.
    """

    name: str
    platform: str
    manifest: str
    blobs: Mapping[str, int]

    @property
    def size(self) -> int:
        """Bytes, compressed."""
        return sum(self.blobs.values())


class LastBuild:
    """What the same command line built the last time, if all is as it was.

    Args:
        store: remembers it.
        path: the stack file.
        asked: the targets and platforms of the command line, as given.
    """

    def __init__(self, store: Store, path: Path, *asked: Sequence[str]) -> None:
        self._store = store
        root = os.path.realpath(path.parent)
        self._key = key_of("built", root=root, name=path.name, asked=[list(a) for a in asked])
        self._now = _look(root, path.name, os.path.realpath(store.root))

    def images(self) -> list[BuiltImage] | None:
        """Its images; None when anything changed since, or a blob is gone."""
        memo = self._store.recall(_KIND, self._key)
        if memo is None or self._now is None or memo.get("state") != self._now.state:
            return None
        try:
            images = [BuiltImage(*image) for image in memo["images"]]
            needed = {image.manifest for image in images}.union(*(i.blobs for i in images))
            needed.update(map(str, memo["parts"]))
            same = all(_hash(path) == known for path, known in memo["fresh"].items())
        except (AttributeError, KeyError, TypeError, OSError):
            return None  # a damaged record counts as none
        return images if same and all(map(self._store.has, needed)) else None

    def remember(self, images: Iterable[BuiltImage], parts: Iterable[str] = ()) -> None:
        """Note what was built from the files as they were when this object was made.

        Args:
            images: what was built.
            parts: digests of what else a plan would miss if it were gone, such as a
                base's config.

        Raises:
            OutsideError: the disk is full or broken.
        """
        if self._now is None:
            return
        told = [[i.name, i.platform, i.manifest, dict(i.blobs)] for i in images]
        memo = {"state": self._now.state, "fresh": dict(self._now.fresh), "images": told}
        memo["parts"] = sorted(parts)
        self._store.remember(_KIND, self._key, memo)


@dataclass(frozen=True)
class _Look:
    """How files were found.

    Attributes:
        state: 64 hex digits over what the file system says of them.
        fresh: path to content's hash of those that may change without another state.
    """

    state: str
    fresh: Mapping[str, str]


def _look(root: str, name: str, store: str) -> _Look | None:
    """Look at the files of a project, and at this program's; None when that does not tell enough.

    Args:
        root: the project's folder, resolved.
        name: of the stack file in it.
        store: is no part of the project, wherever it is.
    """
    files = _Files()
    try:
        files.walk(root, {f"{root}/.git", store})
        files.walk(str(Path(stackyard.__file__).parent), {"__pycache__"})
        files.add(f"{root}/{name}", Path(root, name).stat())
        # Changes when something is installed or removed there.
        for libraries in filter(os.path.isdir, sys.path):
            files.add(libraries, Path(libraries).stat())
        return files.found()
    except (OSError, _TooMuchError):
        return None  # whoever reads the stack will say what is wrong


class _TooMuchError(Exception):
    """Reading the stack is faster."""


class _Files:
    """Files as the file system describes them."""

    def __init__(self) -> None:
        self._lately = time.time_ns() - _SETTLED
        self._lines = [stackyard.__version__, sys.version]
        self._fresh: list[str] = []
        self._bytes = 0

    def walk(self, folder: str, leave_out: Container[str]) -> None:
        """Add all that is in a folder, less what is left out, by name or by path."""
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.name in leave_out or entry.path in leave_out:
                    continue
                found = entry.stat(follow_symlinks=False)
                if stat.S_ISDIR(found.st_mode):
                    self._lines.append(f"{entry.path}\0{found.st_mode}")
                    self.walk(entry.path, leave_out)
                elif not stat.S_ISLNK(found.st_mode):
                    self.add(entry.path, found)
                else:
                    self._lines.append(f"{entry.path}\0{Path(entry.path).readlink()}")
                    if entry.is_file():
                        self.add(entry.path, entry.stat())

    def add(self, path: str, found: os.stat_result) -> None:
        """Add one file or folder; it is read when it changed lately."""
        times = (found.st_mtime_ns, found.st_ctime_ns)
        self._lines.append(f"{path}\0{found.st_mode} {found.st_ino} {found.st_size} {times}")
        if max(times) >= self._lately:
            self._fresh.append(path)
            self._bytes += found.st_size
        if len(self._lines) > MAX_FILES or self._bytes > _MOST_FRESH:
            raise _TooMuchError

    def found(self) -> _Look:
        """All that was added."""
        whole = "\0\0".join(sorted(self._lines)).encode(errors="surrogateescape")
        return _Look(hashlib.sha256(whole).hexdigest(), {path: _hash(path) for path in self._fresh})


def _hash(path: str) -> str:
    """Of a file's content, or of a folder's names."""
    place = Path(path)
    if place.is_dir():
        names = "\0".join(sorted(inside.name for inside in place.iterdir()))
        return hashlib.sha256(names.encode(errors="surrogateescape")).hexdigest()
    if not place.is_file():
        raise OSError(f"{path} is neither a file nor a folder")  # a pipe would be waited for
    return hashlib.sha256(place.read_bytes()).hexdigest()
