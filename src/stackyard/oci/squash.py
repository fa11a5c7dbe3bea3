"""Several layers' archives as one.

https://github.com/opencontainers/image-spec/blob/main/layer.md
"""

from __future__ import annotations

import tarfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import BinaryIO

from stackyard.errors import InputError
from stackyard.oci import tar
from stackyard.oci.disk import disk
from stackyard.oci.retar import Strict, entry_of

_CHUNK = 1 << 20
_WHITEOUT = ".wh."
_OPAQUE = ".wh..wh..opq"
_AUFS = ".wh..wh."  # its own bookkeeping, which no engine applies


@dataclass(eq=False)
class _Member:
    """A file of an archive; hard links to it are the same member."""

    entry: tar.TarEntry
    archive: int
    offset: int
    written: str = ""  # the first of its names that is in the result already


@dataclass(eq=False)
class _Node:
    """What the archives so far say of one path.

    Attributes:
        member: what is there; None where only something below it changes.
        gone: it is not there, whatever is below the archives.
        opaque: nothing in it shows from below the archives.
    """

    children: dict[str, _Node] = field(default_factory=dict)
    member: _Member | None = None
    gone: bool = False
    opaque: bool = False


def squash(archives: Sequence[Path], out: BinaryIO) -> None:
    """Write one archive that changes what it stands on as *archives* do, one after the other.

    Hard links that two archives share stay links where they still are ones.

    Args:
        archives: of layers, from the bottom, not compressed.
        out: where the archive goes; need not be seekable.

    Raises:
        InputError: an archive is broken, or a name in it leaves the root.
        OutsideError: the disk is full or broken.
    """
    root = _Node()
    for number, path in enumerate(archives):
        with disk(f"reading {path}"):
            _lay(root, list(_members(path, number)))
    with disk("putting layers together"), ExitStack() as stack:
        files = [stack.enter_context(path.open("rb")) for path in archives]
        for piece in _pieces(root, files):
            out.write(piece)


def _members(path: Path, number: int) -> Iterator[tuple[tuple[str, ...], _Member]]:
    """The archive's members by the parts of their names."""
    try:
        with tarfile.open(path, "r:", tarinfo=Strict, errors="surrogateescape") as archive:
            for info in archive:
                if info.sparse is not None:
                    raise tarfile.ReadError(f"{info.name} is sparse, which no engine writes")
                yield _parts(info.name), _Member(entry_of(info), number, info.offset_data)
                archive.members = []  # type: ignore[attr-defined]  # tarfile remembers them all
    except (tarfile.TarError, ValueError, EOFError) as error:
        raise InputError(
            f"reading {path.name}: it is not the tar archive of a layer ({error})",
            hint="run the step again",
        ) from error


def _parts(name: str) -> tuple[str, ...]:
    parts = tuple(part for part in name.split("/") if part not in ("", "."))
    last = parts[-1] if parts else ""
    if ".." in parts or last in (_WHITEOUT, f"{_WHITEOUT}.", f"{_WHITEOUT}.."):
        raise ValueError(f"the name {name!r} leaves the root")
    return parts


def _lay(root: _Node, members: list[tuple[tuple[str, ...], _Member]]) -> None:
    """Put an archive over those before it."""
    # Whiteouts first: they mean what is below their archive, wherever they stand in it.
    for parts, _ in members:
        if parts and parts[-1].startswith(_WHITEOUT):
            _hide(root, parts)
    here: dict[tuple[str, ...], _Member] = {}
    for parts, member in members:
        if parts and parts[-1].startswith(_WHITEOUT):
            continue
        found = member
        if member.entry.kind is tar.Kind.HARDLINK:
            target = _parts(member.entry.target)
            # Where none of the archives has its target, the link stays as it is.
            found = here.get(target) or _present(root, target) or member
        here[parts] = found
        _put(root, parts, found)


def _hide(root: _Node, parts: tuple[str, ...]) -> None:
    *above, last = parts
    if last == _OPAQUE:
        node = _reach(root, above)
        node.opaque = True
        node.children = {}
    elif not last.startswith(_AUFS):
        node = _reach(root, above)
        node.children[last.removeprefix(_WHITEOUT)] = _Node(gone=True)


def _put(root: _Node, parts: tuple[str, ...], member: _Member) -> None:
    if member.entry.kind is tar.Kind.DIRECTORY:
        node = _reach(root, parts)
        if node.member is not None and node.member.entry.kind is not tar.Kind.DIRECTORY:
            # What had been in its place hid all that is below.
            node.opaque = True
        node.member = member
    elif parts:
        _reach(root, parts[:-1]).children[parts[-1]] = _Node(member=member)


def _reach(root: _Node, parts: Sequence[str]) -> _Node:
    """The node of a path that exists, made where nothing was said of it."""
    node = root
    for part in parts:
        node = node.children.setdefault(part, _Node())
        if node.gone:
            # It is made anew. Some engines take a whiteout beside it for nothing and
            # show in it what is below; an opaque directory says it to all.
            node.gone = False
            node.opaque = True
    return node


def _present(root: _Node, parts: Sequence[str]) -> _Member | None:
    node: _Node | None = root
    for part in parts:
        node = node.children.get(part) if node else None
    return node.member if node else None


def _pieces(root: _Node, files: Sequence[BinaryIO]) -> Iterator[bytes]:
    """The result's bytes: what is in a directory comes after it, markers first."""
    waiting = [("", root)]
    while waiting:
        name, node = waiting.pop()
        if node.gone:
            above, _, last = name.rpartition("/")
            yield tar.header(tar.TarEntry(_join(above, f"{_WHITEOUT}{last}")))
            continue
        if node.member is not None:
            yield from _written(name or ".", node.member, files)
        if node.opaque:
            yield tar.header(tar.TarEntry(_join(name, _OPAQUE)))
        order = sorted(node.children.items(), key=lambda item: (not item[1].gone, item[0]))
        waiting += [(_join(name, part), child) for part, child in reversed(order)]
    yield tar.END


def _written(name: str, member: _Member, files: Sequence[BinaryIO]) -> Iterator[bytes]:
    entry = member.entry
    if member.written and entry.kind is not tar.Kind.DIRECTORY:
        link = replace(
            entry, name=name, kind=tar.Kind.HARDLINK, size=0, target=member.written, xattrs={}
        )
        yield tar.header(link)
        return
    member.written = name
    yield tar.header(replace(entry, name=name))
    file, left = files[member.archive], entry.size
    file.seek(member.offset)
    while left:
        piece = file.read(min(_CHUNK, left))
        if not piece:
            raise InputError(f"reading {entry.name} of a layer: it is cut short")
        left -= len(piece)
        yield piece
    yield tar.padding(entry.size)


def _join(above: str, name: str) -> str:
    return f"{above}/{name}" if above else name
