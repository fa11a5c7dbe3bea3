"""Files in a tar archive that somebody else made, found by name.

Nothing is unpacked under a name of the archive's; names and links that leave the
archive are refused.
"""

from __future__ import annotations

import posixpath
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, BinaryIO

from stackyard.errors import InputError
from stackyard.oci.decompress import decompress
from stackyard.oci.disk import disk
from stackyard.oci.retar import Strict

_CHUNK = 1 << 20
_MOST_MEMBERS = 1 << 16
_MOST_LINKS = 8
_MAX_GROWTH = 200
_ROOM = 1 << 30
_COMPRESSED = (b"\x1f\x8b", b"\xfd7zXZ\x00", b"\x28\xb5\x2f\xfd")
_BROKEN = (tarfile.TarError, ValueError, EOFError)


class TarFiles:
    """The files of an open archive; from `open_tar`."""

    def __init__(self, path: Path, archive: tarfile.TarFile) -> None:
        self._path = path
        self._archive = archive
        self._members: dict[str, tarfile.TarInfo] = {}
        for info in archive:
            self._members[self._checked(info)] = info
            if len(self._members) > _MOST_MEMBERS:
                raise self.broken(f"it has more than {_MOST_MEMBERS} members")
            archive.members = []  # type: ignore[attr-defined]  # tarfile remembers them all

    def __contains__(self, name: str) -> bool:
        return name in self._members

    @property
    def files(self) -> Iterator[str]:
        """The names of all regular files; links are left out."""
        return (name for name, info in self._members.items() if info.isreg())

    def size(self, name: str) -> int:
        """The length of a file in bytes.

        Raises:
            InputError: there is no such file.
        """
        return self._find(name).size

    def read(self, name: str, limit: int) -> bytes:
        """The contents of a short file.

        Raises:
            InputError: there is no such file, it is damaged, or longer than *limit* bytes.
        """
        if self.size(name) > limit:
            raise self.broken(f"{name} is {self.size(name)} bytes long, more than {limit}")
        return b"".join(self.pieces(name))

    def pieces(self, name: str) -> Iterator[bytes]:
        """The contents of a file, in pieces of at most 1 MiB.

        Raises:
            InputError: there is no such file, or it is cut short.
        """
        try:
            file: IO[bytes] | None = self._archive.extractfile(self._find(name))
            while file and (piece := file.read(_CHUNK)):
                yield piece
        except _BROKEN as error:
            raise self.broken(f"{name}: {error}") from error

    def broken(self, why: str) -> InputError:
        """The error for an archive that is not right."""
        return InputError(
            f"reading the archive {self._path}: {why}",
            hint="the archive is damaged or hostile; make it again",
        )

    def _find(self, name: str) -> tarfile.TarInfo:
        for _ in range(_MOST_LINKS):
            info = self._members.get(name)
            if info is None:
                raise self.broken(f"{name} is missing")
            if info.isreg():
                return info
            if not (info.issym() or info.islnk()):
                raise self.broken(f"{name} is no regular file")
            folder = posixpath.dirname(name) if info.issym() else ""
            name = posixpath.normpath(posixpath.join(folder, info.linkname))
            if name.startswith(("/", "../")):
                raise self.broken(f"a link leads out of it, to {info.linkname[:200]!r}")
        raise self.broken(f"{name} is a loop of links")

    def _checked(self, info: tarfile.TarInfo) -> str:
        if info.name.startswith("/") or ".." in info.name.split("/"):
            raise self.broken(f"the name {info.name[:200]!r} leads out of it")
        if info.sparse is not None:
            raise self.broken(f"{info.name[:200]!r} is sparse, which no engine writes")
        return posixpath.normpath(info.name)


@contextmanager
def open_tar(path: Path, scratch: Path) -> Iterator[TarFiles]:
    """Open an archive: plain, or compressed with gzip or xz.

    Args:
        path: the archive.
        scratch: an empty folder; a compressed archive is decompressed there.

    Raises:
        InputError: there is no such file, it is no tar archive, it is cut short, or
            it holds what no archive of an image does.
        OutsideError: the disk is full or broken.
    """
    if not path.is_file():
        what = "it is no file" if path.exists() else "there is no such file"
        raise InputError(
            f"reading the archive {path}: {what}",
            hint="name a file such as docker save or skopeo copy writes",
        )
    with disk(f"reading the archive {path}"), path.open("rb") as file:
        if not file.peek(8).startswith(_COMPRESSED):
            with _opened(path, file) as files:
                yield files
            return
        plain = scratch / "archive.tar"
        _decompress(path, file, plain)
    with disk(f"reading the archive {path}"), plain.open("rb") as file, _opened(path, file) as it:
        yield it


@contextmanager
def _opened(path: Path, file: BinaryIO) -> Iterator[TarFiles]:
    try:
        archive = tarfile.open(  # noqa: SIM115 - closed below, where its errors are ours
            fileobj=file, mode="r:", tarinfo=Strict, errors="surrogateescape"
        )
        files = TarFiles(path, archive)
    except _BROKEN as error:
        raise InputError(
            f"reading the archive {path}: it is no tar archive, or damaged ({error})",
            hint="name a whole file such as docker save or skopeo copy writes",
        ) from error
    with archive:
        yield files


def _decompress(path: Path, file: BinaryIO, to: Path) -> None:
    most = _ROOM + _MAX_GROWTH * path.stat().st_size
    size = 0
    with to.open("wb") as out:
        for piece in decompress(file):
            size += len(piece)
            if size > most:
                raise InputError(
                    f"reading the archive {path}: it unpacks to more than {most} bytes",
                    hint="the archive is hostile; use another",
                )
            out.write(piece)
