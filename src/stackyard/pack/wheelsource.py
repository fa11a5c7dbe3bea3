"""A wheel as `installer` reads it, checked before anything is taken from it.

https://packaging.python.org/en/latest/specifications/binary-distribution-format/
"""

from __future__ import annotations

import stat
from collections.abc import Iterator
from functools import cached_property
from typing import BinaryIO, cast
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile, ZipInfo

from installer.records import parse_record_file
from installer.sources import WheelContentElement, WheelFile
from installer.utils import canonicalize_name, parse_metadata_file
from packaging.version import InvalidVersion, Version

from stackyard.pack.paths import problem_of
from stackyard.pack.wheelentry import WheelEntry

_LOCAL_HEADER = 30
_MAX_GROWTH = 200
_ROOM = 64 << 20
_MAX_TEXT = 64 << 20
_ENCRYPTED = 0x1
_NEEDED = ("METADATA", "RECORD", "WHEEL")


class BadWheelError(ValueError):
    """The wheel breaks the format's rules, or tries to do harm."""


class WheelArchive(WheelFile):
    """An open wheel, whose streams (`WheelEntry`) also give their compressed data.

    Args:
        archive: the wheel; its `filename` says the distribution and the version.
        data: the same file's bytes.

    Raises:
        BadWheelError: see the class.
        ValueError: the file name is not a wheel's.
    """

    def __init__(self, archive: ZipFile, data: memoryview) -> None:
        super().__init__(archive)
        self._data = data
        self._files = _checked(archive.infolist(), len(data))
        self._check_names()

    @cached_property
    def dist_info_filenames(self) -> list[str]:
        """Names of the files in the dist-info directory."""
        prefix = f"{self.dist_info_dir}/"
        return [n.removeprefix(prefix) for n in self._files if n.startswith(prefix)]

    def read_dist_info(self, filename: str) -> str:
        """The text of a file in the dist-info directory.

        Raises:
            BadWheelError: it is not there, or far too long.
            ValueError: it is damaged, or not UTF-8.
        """
        info = self._files.get(f"{self.dist_info_dir}/{filename}")
        if info is None:
            raise BadWheelError(f"its {self.dist_info_dir} has no {filename}")
        if info.file_size > _MAX_TEXT:
            raise BadWheelError(f"its {filename} is {info.file_size} bytes long")
        return bytes(self._entry(info).content()).decode("utf-8")

    @cached_property
    def data_dir(self) -> str:
        """The data directory as it is spelled in this wheel.

        Its name is to be that of the file, but builders normalise the two differently.
        """
        tops = {name.partition("/")[0] for name in self._files if "/" in name}
        found = [top for top in tops if top.endswith(".data") and self._is_ours(top)]
        if len(found) > 1:
            raise BadWheelError(f"it has several data directories: {', '.join(sorted(found))}")
        return found[0] if found else super().data_dir

    def get_contents(self) -> Iterator[WheelContentElement]:
        """The files, as the base class gives them, in the archive's order.

        Bytecode that came with the wheel is left out, as installers do: nobody
        can tell whether it belongs to the sources.
        """
        rows = {row[0]: row for row in parse_record_file(self._record())}
        for name, info in self._files.items():
            if "__pycache__" in name.split("/")[:-1]:
                continue
            _, digest, size = rows.get(name, (name, "", ""))
            known = digest if digest.startswith("sha256=") and size == str(info.file_size) else ""
            entry = self._entry(info, known)
            executable = bool(info.external_attr >> 16 & 0o111)
            yield (name, "", ""), cast("BinaryIO", entry), executable

    def _record(self) -> list[str]:
        return self.read_dist_info("RECORD").splitlines()

    def _entry(self, info: ZipInfo, digest: str = "") -> WheelEntry:
        return WheelEntry(info, self._stream(info), digest)

    def _stream(self, info: ZipInfo) -> memoryview:
        start = info.header_offset
        header = bytes(self._data[start : start + _LOCAL_HEADER])
        if len(header) < _LOCAL_HEADER or header[:4] != b"PK\x03\x04":
            raise BadWheelError(f"{info.filename} is not where the archive's directory says")
        start += _LOCAL_HEADER
        start += int.from_bytes(header[26:28], "little") + int.from_bytes(header[28:30], "little")
        raw = self._data[start : start + info.compress_size]
        if len(raw) != info.compress_size:
            raise BadWheelError(f"{info.filename} is cut short")
        return raw

    def _check_names(self) -> None:
        for name in _NEEDED:
            if f"{self.dist_info_dir}/{name}" not in self._files:
                raise BadWheelError(f"its {self.dist_info_dir} has no {name}")
        metadata = parse_metadata_file(self.read_dist_info("METADATA"))
        name, version = str(metadata["Name"]), str(metadata["Version"])
        inside = self.dist_info_dir.removesuffix(".dist-info").rpartition("-")[2]
        if canonicalize_name(name) != canonicalize_name(self.distribution):
            raise BadWheelError(f"its METADATA is that of {name}")
        for found in (inside, version):
            if not _same_version(found, self.version):
                raise BadWheelError(f"its metadata says that it is version {found}")

    def _is_ours(self, directory: str) -> bool:
        name, _, version = directory.removesuffix(".data").rpartition("-")
        return canonicalize_name(name) == canonicalize_name(self.distribution) and _same_version(
            version, self.version
        )


def _checked(infos: list[ZipInfo], size: int) -> dict[str, ZipInfo]:
    """The files by name; directories are left out.

    Raises:
        BadWheelError: a name that is no plain path or stands there twice, a
            file that is none, entries that overlap, or that are too long together.
    """
    files: dict[str, ZipInfo] = {}
    end = total = 0
    for info in sorted(infos, key=lambda info: info.header_offset):
        name = info.filename
        if problem := problem_of(name.removesuffix("/")):
            raise BadWheelError(f"it has an entry {name!r}: {problem}")
        if info.header_offset < end:
            raise BadWheelError(f"its entry {name} overlaps another")
        end = info.header_offset + _LOCAL_HEADER + info.compress_size
        total += info.file_size
        if not name.endswith("/"):
            if name in files:
                raise BadWheelError(f"it has two entries {name}")
            _check_kind(info)
            files[name] = info
    if total > max(_ROOM, _MAX_GROWTH * size):
        raise BadWheelError(f"its {size} bytes claim to be {total} bytes of files")
    return files


def _check_kind(info: ZipInfo) -> None:
    kind = stat.S_IFMT(info.external_attr >> 16)
    if kind not in (0, stat.S_IFREG):
        what = "a symbolic link" if kind == stat.S_IFLNK else "not a file"
        raise BadWheelError(f"its entry {info.filename} is {what}")
    if info.flag_bits & _ENCRYPTED:
        raise BadWheelError(f"its entry {info.filename} is encrypted")
    if info.compress_type not in (ZIP_STORED, ZIP_DEFLATED):
        raise BadWheelError(
            f"its entry {info.filename} has compression method {info.compress_type},"
            " which wheels do not use"
        )


def _same_version(one: str, other: str) -> bool:
    return _version(one) == _version(other)


def _version(text: str) -> Version | str:
    """*text* normalised; in file names ``-`` and ``+`` may have become ``_``."""
    for candidate in (text, text.replace("_", "-"), text.replace("_", "+")):
        try:
            return Version(candidate)
        except InvalidVersion:
            continue
    return text
