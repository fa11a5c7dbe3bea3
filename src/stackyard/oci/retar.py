"""Reading a tar archive entry by entry and writing it anew."""

from __future__ import annotations

import tarfile
from collections.abc import Callable, Iterator
from typing import BinaryIO, Self

from stackyard.errors import InputError
from stackyard.oci import tar

_CHUNK = 1 << 20
_ERRORS = "surrogateescape"
_LONGEST_EXTENSION = 1 << 20
_EXTENSIONS = frozenset(b"xgXLK")
_XATTR = "SCHILY.xattr."
_KINDS = {
    tarfile.LNKTYPE: tar.Kind.HARDLINK,
    tarfile.SYMTYPE: tar.Kind.SYMLINK,
    tarfile.CHRTYPE: tar.Kind.CHARACTER,
    tarfile.BLKTYPE: tar.Kind.BLOCK,
    tarfile.DIRTYPE: tar.Kind.DIRECTORY,
    tarfile.FIFOTYPE: tar.Kind.FIFO,
}


def entries(
    stream: BinaryIO, normalise: Callable[[tar.TarEntry], tar.TarEntry | None]
) -> Iterator[bytes]:
    """The bytes of a new archive with the entries that *normalise* gives.

    Args:
        stream: an archive, not compressed; need not be seekable.
        normalise: see `stackyard.oci.layer.layer_from_tar`.

    Raises:
        InputError: it is not a tar archive, or it is cut short.
    """
    try:
        with tarfile.open(fileobj=stream, mode="r|", tarinfo=Strict, errors=_ERRORS) as archive:
            for info in archive:
                entry = normalise(entry_of(info))
                if entry is not None:
                    yield tar.header(entry)
                    yield from _content(archive, info)
                archive.members = []  # type: ignore[attr-defined]  # tarfile remembers them all
    except (tarfile.TarError, ValueError, EOFError) as error:
        raise InputError(
            f"reading a tar archive: it is none, or it is damaged ({error})",
            hint="give a whole tar archive, or one compressed with gzip or xz",
        ) from error
    yield tar.END


def entry_of(info: tarfile.TarInfo) -> tar.TarEntry:
    """A tarfile member as our value."""
    kind = _KINDS.get(info.type, tar.Kind.FILE)
    return tar.TarEntry(
        name=info.name,
        kind=kind,
        mode=info.mode & 0o7777,
        size=info.size if kind is tar.Kind.FILE else 0,
        mtime=int(info.mtime),
        uid=info.uid,
        gid=info.gid,
        target=info.linkname,
        device=(info.devmajor, info.devminor),
        xattrs={
            key.removeprefix(_XATTR): value.encode("utf-8", "surrogateescape")
            for key, value in info.pax_headers.items()
            if key.startswith(_XATTR)
        },
    )


class Strict(tarfile.TarInfo):
    """A member that is not taken for the archive's end when its header is broken."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> Self:
        """Read a header; see `tarfile.TarInfo.frombuf`."""
        try:
            found = super().frombuf(buf, encoding, errors)
        except tarfile.EOFHeaderError:  # type: ignore[attr-defined]
            raise
        except tarfile.HeaderError as error:
            raise tarfile.ReadError(f"a header is broken: {error}") from error
        # tarfile would read it into memory, however long.
        if found.type[0] in _EXTENSIONS and found.size > _LONGEST_EXTENSION:
            raise tarfile.ReadError(f"an extended header of {found.size} bytes")
        return found


def _content(archive: tarfile.TarFile, info: tarfile.TarInfo) -> Iterator[bytes]:
    source = archive.extractfile(info) if info.isreg() else None
    if source is None:
        return
    left = info.size
    while left:
        piece = source.read(min(_CHUNK, left))
        if not piece:
            raise EOFError(f"{info.name} is cut short")
        left -= len(piece)
        yield piece
    yield tar.padding(info.size)
