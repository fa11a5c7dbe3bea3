"""Caches and logs that nobody used for long."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable, Iterator, Set
from dataclasses import dataclass
from pathlib import Path

from stackyard.oci.disk import disk

LOGS = "logs"


@dataclass(frozen=True, slots=True)
class Item:
    """Something in a store that can go.

    Attributes:
        kind: what it is; of a cache the cache's name.
        name: which it is.
        size: bytes.
        paths: in the order in which they have to go.
    """

    kind: str
    name: str
    size: int
    paths: tuple[Path, ...]


def cached(folder: Path, since: float, apart: Set[str]) -> Iterator[Item]:
    """What no cache but those *apart* was asked for since a moment, in seconds.

    A file that tells of another, as ``KEY.json`` of ``KEY``, goes before it, and not alone.
    """
    for cache in _listed(folder):
        if cache.is_dir() and cache.name.partition(".")[0] not in apart:
            groups: dict[str, list[Path]] = defaultdict(list)
            for path in _listed(cache):
                if path.suffix != ".lock":
                    groups[path.name.removesuffix(".json")].append(path)
            for name, paths in groups.items():
                paths.sort(key=lambda path: path.suffix != ".json")
                yield from _old(cache.name, name, paths, since)


def logs(folder: Path, since: float) -> Iterator[Item]:
    """Logs that nothing was written to since a moment, and nobody read."""
    for path in _listed(folder):
        yield from _old(LOGS, path.name, [path], since)


def size_of(folder: Path) -> int:
    """Bytes of all files in a folder; what cannot be seen counts nothing."""
    return sum(facts.st_size for facts in _facts(folder))


def _old(kind: str, name: str, paths: list[Path], since: float) -> Iterator[Item]:
    with disk(f"looking at {paths[0].parent}"):
        facts = [one for path in paths for one in _facts(path)]
    # Most file systems note a read once a day.
    if facts and max(max(f.st_mtime, f.st_atime) for f in facts) <= since:
        yield Item(kind, name, sum(f.st_size for f in facts), tuple(paths))


def _facts(path: Path) -> Iterable[os.stat_result]:
    """Of a file, or of all files in a folder; of an empty folder its own."""
    if path.is_symlink() or not path.is_dir():
        return [path.lstat()]
    files = [Path(place, name).lstat() for place, _, names in os.walk(path) for name in names]
    return files or [path.lstat()]


def _listed(folder: Path) -> list[Path]:
    with disk(f"reading {folder}"):
        try:
            return sorted(folder.iterdir())
        except FileNotFoundError:
            return []
