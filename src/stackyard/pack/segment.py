"""A wheel as a segment: the tar entries of its files, compressed, and kept in a cache.

A segment is whole gzip members, so a group's blob is its segments one after the
other. The wheel's own DEFLATE streams are used where they are long; the rest is
compressed again.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from stackyard.errors import OutsideError
from stackyard.oci.cache import Cache
from stackyard.oci.tar import Kind, TarEntry, header
from stackyard.pack.compiler import Compiler
from stackyard.pack.contents import Item
from stackyard.pack.paths import PLAIN, directories_of
from stackyard.pack.run import MTIME, Run
from stackyard.pack.task import WheelTask, segment_key
from stackyard.pack.unpack import unpacked
from stackyard.pack.wheelentry import WheelEntry


@dataclass(frozen=True, slots=True)
class Segment:
    """A packed wheel in the cache.

    Attributes:
        key: of the task that made it.
        path: the gzip members.
        size: how many bytes those are.
        unpacked: bytes of tar in them, without an end of archive.
        diff_id: of the layer that this segment alone would be, directories included.
        index: a side file; see `read_index`.
    """

    key: str
    path: Path
    size: int
    unpacked: int
    diff_id: str
    index: Path


def pack_segment(task: WheelTask, wheel: Path, cache: Cache, compiler: Compiler | None) -> Segment:
    """Pack a wheel, unless the cache has the result already.

    Args:
        task: what to make.
        wheel: the file, under any name.
        cache: where the segment goes.
        compiler: makes the bytecode; None only when the task wants none.

    Raises:
        InputError: the wheel breaks the format's rules.
        OutsideError: the file is not the one that the task names, or it cannot
            be read, the disk is full, or the compiler failed.
    """
    if task.bytecode and compiler is None:
        raise ValueError("bytecode without a compiler")
    key = segment_key(task)
    if found := cached_segment(cache, key):
        return found
    with unpacked(task, wheel, compiler) as items:
        return _pack(key, items, cache)


def cached_segment(cache: Cache, key: str) -> Segment | None:
    """The segment that was packed under *key*, if all of it is still there."""
    path, index = cache.get(key), cache.get(_index_key(key))
    if path is None or index is None:
        return None
    try:
        with index.open("rb") as file:
            facts = json.loads(file.readline())
        found = Segment(
            key, path, int(facts["size"]), int(facts["unpacked"]), str(facts["diff_id"]), index
        )
        return found if path.stat().st_size == found.size else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def read_index(segment: Segment) -> dict[str, str]:
    """The segment's files: path in the image (no leading slash) to what tells their content.

    Raises:
        OutsideError: the index was deleted or damaged.
    """
    try:
        with segment.index.open("rb") as file:
            file.readline()
            files = json.loads(file.readline())
        return {str(path): str(content) for path, content in files.items()}
    except (OSError, ValueError, AttributeError) as error:
        raise OutsideError(
            f"reading the files of a packed wheel, {segment.index}: {error}",
            hint=f"delete {segment.path} and build again",
        ) from error


def _index_key(key: str) -> str:
    return f"{key}.json"


def _pack(key: str, items: Mapping[str, Item], cache: Cache) -> Segment:
    with cache.create(key) as file:
        run = Run(file.write, after=directory_entries(items))
        _write(run, items)
        diff_id = run.diff_id()
        size = file.tell()
    facts = {"size": size, "unpacked": run.size, "diff_id": diff_id}
    # The index is written last: without it the segment counts as not there.
    with cache.create(_index_key(key)) as file:
        for value in (facts, {path: _content_of(item) for path, item in items.items()}):
            file.write(json.dumps(value, separators=(",", ":")).encode() + b"\n")
    found = cached_segment(cache, key)
    if found is None:
        raise OutsideError(
            f"the packed wheel {key} vanished from the cache",
            hint="do not delete the store's files during a build; run again",
        )
    return found


def directory_entries(files: Iterable[str]) -> bytes:
    """The tar entries of the directories that files are in.

    A layer must have one for each: old engines give a missing parent a mode that
    keeps users out. It must have only one: podman and docker refuse an archive in
    which a path stands twice, so they are written for a whole group at once.
    """
    return b"".join(
        header(TarEntry(name=path, kind=Kind.DIRECTORY, mode=0o755, mtime=MTIME))
        for path in sorted(directories_of(files) - PLAIN)
    )


def _write(run: Run, items: Mapping[str, Item]) -> None:
    for path in sorted(items):
        item = items[path]
        mode = 0o755 if item.executable else 0o644
        run.begin(TarEntry(name=path, mode=mode, size=item.size, mtime=MTIME))
        if isinstance(item.content, WheelEntry) and item.content.transplantable:
            run.compressed(*item.content.transplanted())
        else:
            run.content(item.read())
        run.end(item.size)


def _content_of(item: Item) -> str:
    """What is equal for equal contents, and for them only.

    Bytecode has no hash in RECORD; made of equal sources for one path, it is equal.
    """
    if item.digest is not None:
        return item.digest
    return hashlib.sha256(item.read()).hexdigest()
