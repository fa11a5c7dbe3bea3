"""Tar headers: the same entry always gives the same bytes.

POSIX ustar, with a pax extended header only where ustar cannot say it.
https://pubs.opengroup.org/onlinepubs/9699919799/utilities/pax.html
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

BLOCK = 512
END = bytes(2 * BLOCK)
"""What ends an archive."""

_NO_XATTRS: Mapping[str, bytes] = {}
_MAX_ID = 0o7777777
_MAX_SIZE = 0o77777777777
_PAX_NAME = b"././@PaxHeader"
# name, mode, uid, gid, size, mtime, checksum, kind, target, magic and version,
# user and group name (never given: they would be the packer's), device, prefix
_USTAR = struct.Struct("100s8s8s8s12s12s8s1s100s8s64x8s8s155s12x")


class Kind(Enum):
    """What an entry is; the values are ustar's type flags."""

    FILE = b"0"
    HARDLINK = b"1"
    SYMLINK = b"2"
    CHARACTER = b"3"
    BLOCK = b"4"
    DIRECTORY = b"5"
    FIFO = b"6"


@dataclass(frozen=True, slots=True)
class TarEntry:
    """One member of an archive, without its content.

    Attributes:
        name: its path. Bytes that are not UTF-8 are surrogate escapes.
        mode: permission bits, with setuid, setgid and sticky.
        size: of the content, in bytes; for files only.
        mtime: seconds since the epoch.
        target: of a hard link (a name in the archive) or a symbolic link.
        device: major and minor number, of a device.
        xattrs: extended attributes by name (``security.capability``).
    """

    name: str
    kind: Kind = Kind.FILE
    mode: int = 0o644
    size: int = 0
    mtime: int = 0
    uid: int = 0
    gid: int = 0
    target: str = ""
    device: tuple[int, int] = (0, 0)
    xattrs: Mapping[str, bytes] = field(default_factory=lambda: _NO_XATTRS, hash=False)


def padding(size: int) -> bytes:
    """The zeros that follow a content of *size* bytes."""
    return bytes(-size % BLOCK)


def header(entry: TarEntry) -> bytes:
    """What stands before the entry's content in an archive.

    Raises:
        ValueError: the name is empty, a name has a NUL byte, or a number is negative
            that cannot be.
    """
    name = _encode(entry.name)
    if not name:
        raise ValueError("a tar entry has no name")
    if entry.kind is Kind.DIRECTORY and not name.endswith(b"/"):
        name += b"/"
    records: dict[str, bytes] = {}
    prefix = b""
    if len(name) > 100 or not name.isascii():
        prefix, name = _split(name) or (b"", _record(records, "path", name))
    target = _encode(entry.target)
    if len(target) > 100 or not target.isascii():
        target = _record(records, "linkpath", target)
    uid = _number(records, "uid", entry.uid, _MAX_ID)
    gid = _number(records, "gid", entry.gid, _MAX_ID)
    size = _number(records, "size", entry.size, _MAX_SIZE)
    mtime = _number(records, "mtime", entry.mtime, _MAX_SIZE)
    for key, value in sorted(entry.xattrs.items()):
        records[f"SCHILY.xattr.{_attribute(key)}"] = value
    device = entry.device if entry.kind in (Kind.CHARACTER, Kind.BLOCK) else (0, 0)
    block = _block(
        name,
        entry.kind.value,
        size,
        prefix=prefix,
        mode=entry.mode & 0o7777,
        uid=uid,
        gid=gid,
        mtime=mtime,
        target=target,
        device=device,
    )
    return _pax(records) + block if records else block


def _block(
    name: bytes,
    kind: bytes,
    size: int,
    *,
    prefix: bytes = b"",
    mode: int = 0o644,
    uid: int = 0,
    gid: int = 0,
    mtime: int = 0,
    target: bytes = b"",
    device: tuple[int, int] = (0, 0),
) -> bytes:
    block = _USTAR.pack(
        name,
        b"%07o" % mode,
        b"%07o" % uid,
        b"%07o" % gid,
        b"%011o" % size,
        b"%011o" % mtime,
        b"        ",
        kind,
        target,
        b"ustar\x0000",
        b"%07o" % device[0],
        b"%07o" % device[1],
        prefix,
    )
    return b"%b%06o\0 %b" % (block[:148], sum(block), block[156:])


def _pax(records: Mapping[str, bytes]) -> bytes:
    """An extended header: its lines say their own length, so any value can stand in them."""
    body = b"".join(_line(key.encode("utf-8", "surrogateescape"), records[key]) for key in records)
    block = _block(_PAX_NAME, b"x", len(body))
    return block + body + padding(len(body))


def _line(key: bytes, value: bytes) -> bytes:
    rest = len(key) + len(value) + 3
    length = rest + len(str(rest))
    length = rest + len(str(length))  # its own digits count, and may bring one more
    return b"%d %b=%b\n" % (length, key, value)


def _encode(text: str) -> bytes:
    data = text.encode("utf-8", "surrogateescape")
    if b"\0" in data:
        raise ValueError(f"a tar entry's name has a NUL byte: {text!r}")
    return data


def _split(name: bytes) -> tuple[bytes, bytes] | None:
    """A long name as ustar's prefix and name, or None where pax must say it."""
    if not name.isascii() or len(name) > 256:
        return None
    # The slash between them is implied; neither part may be empty.
    cut = name.rfind(b"/", 1, min(156, len(name) - 1))
    if cut < 1 or len(name) - cut - 1 > 100:
        return None
    return name[:cut], name[cut + 1 :]


def _record(records: dict[str, bytes], key: str, value: bytes) -> bytes:
    """Note a value for pax, and give what old readers see in its place."""
    records[key] = value
    return value.decode("ascii", "replace").encode("ascii", "replace")[:100]


def _number(records: dict[str, bytes], key: str, value: int, most: int) -> int:
    """What ustar can say of a number; pax says the rest."""
    if 0 <= value <= most:
        return value
    if value < 0 and key != "mtime":
        raise ValueError(f"a tar entry's {key} is negative: {value}")
    records[key] = b"%d" % value
    return 0


def _attribute(key: str) -> str:
    if not key or "=" in key or "\0" in key:
        raise ValueError(f"tar cannot name the extended attribute {key!r}")
    return key
