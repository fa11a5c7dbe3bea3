"""A layer's own files: from the project to a layer blob."""

from __future__ import annotations

import hashlib
import os
import posixpath
import stat
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from stackyard.errors import InputError, OutsideError
from stackyard.oci.disk import disk
from stackyard.oci.layer import Layer
from stackyard.oci.store import Store
from stackyard.oci.tar import Kind, TarEntry
from stackyard.pack.blob import Content, layer_of
from stackyard.pack.paths import PLAIN, directories_of, problem_of
from stackyard.pack.run import MTIME
from stackyard.stack.values import FileEntry

_PIECE = 1 << 20
_HINT = "correct the layer's files in the stack file"


@dataclass(frozen=True, slots=True)
class Folder:
    """How a directory of the image below is: what an entry for it must repeat."""

    mode: int = 0o755
    uid: int = 0
    gid: int = 0


@dataclass(frozen=True, slots=True)
class _Source:
    """A tar entry, and the file that has its content (None for links and folders)."""

    entry: TarEntry
    path: Path | None = None


def pack_files(
    store: Store,
    root: Path,
    entries: Sequence[FileEntry],
    folders: Mapping[str, Folder] | None = None,
) -> Layer:
    """A layer with files of the project.

    Directories are taken with all that is in them. Symbolic links in them stay
    links. Where two entries are for one path, the later one counts. Missing
    parents of a target belong to whoever owns the nearest one in *folders*
    (root, when there is none).

    Args:
        store: where the layer goes.
        root: the project's folder, which no source leaves.
        entries: what goes where.
        folders: directories of the image below by path (no leading slash); at
            least the homes that targets are in.

    Raises:
        InputError: a source is not there, leaves *root*, or is neither file,
            folder nor link; or two targets contradict each other.
        OutsideError: a file cannot be read or changes meanwhile; the disk is full.
    """
    found = _survey(root, entries, folders or {})
    return layer_of(store, ((s.entry, _content(s)) for _, s in sorted(found.items())))


def fingerprints(
    root: Path, entries: Sequence[FileEntry], folders: Mapping[str, Folder] | None = None
) -> dict[str, str]:
    """What decides the layer that `pack_files` makes of the same, without making it.

    Returns:
        For each absolute path in the image the sha256 (hex) over its kind, mode,
        owner and content.

    Raises:
        InputError, OutsideError: as `pack_files`.
    """
    found = _survey(root, entries, folders or {})
    return {f"/{path}": _fingerprint(source) for path, source in sorted(found.items())}


def _fingerprint(source: _Source) -> str:
    whole = hashlib.sha256(repr(source.entry).encode())
    for piece in _read(source.path, source.entry.size) if source.path else ():
        whole.update(piece)
    return whole.hexdigest()


def _survey(
    root: Path, entries: Sequence[FileEntry], folders: Mapping[str, Folder]
) -> dict[str, _Source]:
    """Everything that the layer will have, by path in the image."""
    found: dict[str, _Source] = {}
    with disk(f"reading the files of {root}"):
        base = root.resolve()
        for entry in entries:
            found.update((source.entry.name, source) for source in _sources(base, entry))
    for path in directories_of(found):
        if path in found and found[path].entry.kind is not Kind.DIRECTORY:
            raise InputError(f"packing files: /{path} is a file and a directory", hint=_HINT)
    for path in sorted(directories_of(found) - PLAIN - found.keys()):
        found[path] = _Source(_parent(path, folders))
    return found


def _parent(path: str, folders: Mapping[str, Folder]) -> TarEntry:
    nearest, folder = path, folders.get(path)
    mode = folder.mode if folder else 0o755
    while folder is None and nearest:
        nearest = posixpath.dirname(nearest)
        folder = folders.get(nearest)
    owner = folder or Folder()
    return TarEntry(
        name=path, kind=Kind.DIRECTORY, mode=mode, uid=owner.uid, gid=owner.gid, mtime=MTIME
    )


def _sources(root: Path, entry: FileEntry) -> Iterator[_Source]:
    target = entry.target.strip("/")
    if not target or problem_of(target):
        raise InputError(
            f"packing {entry.source}: {entry.target!r} is no place for a file", hint=_HINT
        )
    source = _resolved(root / entry.source)
    if not source.is_relative_to(root):
        raise InputError(f"packing {entry.source}: it is not in the project {root}", hint=_HINT)
    if not source.exists():
        raise InputError(f"packing {entry.source}: there is no such file in {root}", hint=_HINT)
    yield from _walk(root, source, target, entry)


def _walk(root: Path, path: Path, target: str, entry: FileEntry) -> Iterator[_Source]:
    status = path.lstat()
    if stat.S_ISLNK(status.st_mode):
        yield _Source(_tar(entry, target, Kind.SYMLINK, 0o777, target=_link(root, path)))
    elif stat.S_ISDIR(status.st_mode):
        yield _Source(_tar(entry, target, Kind.DIRECTORY, 0o755))
        for name in sorted(child.name for child in path.iterdir()):
            yield from _walk(root, path / name, f"{target}/{name}", entry)
    elif stat.S_ISREG(status.st_mode):
        mode = 0o755 if status.st_mode & 0o111 else 0o644
        mode = mode if entry.mode is None else entry.mode
        yield _Source(_tar(entry, target, Kind.FILE, mode, size=status.st_size), path)
    else:
        raise InputError(
            f"packing {path}: it is a device, a pipe or a socket",
            hint="leave it out of the layer's files",
        )


def _tar(
    entry: FileEntry, name: str, kind: Kind, mode: int, *, size: int = 0, target: str = ""
) -> TarEntry:
    return TarEntry(
        name=name,
        kind=kind,
        mode=mode,
        size=size,
        mtime=MTIME,
        uid=entry.uid,
        gid=entry.gid,
        target=target,
    )


def _link(root: Path, path: Path) -> str:
    target = str(path.readlink())
    if posixpath.isabs(target) or not _resolved(path).is_relative_to(root):
        raise InputError(
            f"packing {path}: the link leads out of the project, to {target}",
            hint="put the file itself there, or link to one in the project by a relative path",
        )
    return target


def _resolved(path: Path) -> Path:
    try:
        return path.resolve()
    except RuntimeError:
        raise InputError(f"packing {path}: the link leads to itself", hint=_HINT) from None


def _content(source: _Source) -> Content:
    return b"" if source.path is None else _read(source.path, source.entry.size)


def _read(path: Path, size: int) -> Iterator[bytes]:
    left = size
    with disk(f"packing {path}"):
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as file:
            while piece := file.read(_PIECE):
                left -= len(piece)
                if left < 0:
                    break
                yield piece
    if left:
        raise OutsideError(
            f"packing {path}: it changed while it was read",
            hint="run again when nothing writes to it",
        )
