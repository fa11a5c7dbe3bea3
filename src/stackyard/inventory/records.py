"""The records that package managers leave in an image: which files they are, what they say.

https://www.debian.org/doc/debian-policy/ch-controlfields.html
https://packaging.python.org/en/latest/specifications/recording-installed-packages/
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass
from email.message import Message
from email.parser import HeaderParser
from posixpath import join, normpath

from packaging.utils import InvalidName, canonicalize_name
from packaging.version import InvalidVersion, Version

DPKG = "var/lib/dpkg"

_SITE = r"(?:.*/)?(?:site|dist)-packages/[^/]+"
_DIST = re.compile(
    rf"{_SITE}\.(?:dist-info/METADATA|egg-info/PKG-INFO|egg-info)"
    # An archived egg has its record inside; what is unpacked has it beside its files.
    r"|(?:.*/)?(?:site|dist)-packages/[^/]+\.egg/EGG-INFO/PKG-INFO"
)
_ENDS = ("METADATA", "PKG-INFO", ".egg-info")  # told faster than by the expression
_FILES = re.compile(rf"{_SITE}\.(?:dist-info/RECORD|egg-info/installed-files\.txt)")
_DEBS = re.compile(rf"{DPKG}/(?:status|status\.d/[^/]+|info/[^/]+\.list)")
_FIELD = re.compile(r"^(Package|Status|Version|Architecture|Installed-Size):(.*)$", re.MULTILINE)
_LICENSE = "License :: "
_LONGEST_LICENSE = 200


@dataclass(frozen=True, slots=True)
class Deb:
    """A Debian package that dpkg has installed.

    Attributes:
        size: bytes, as its maker estimated them.
    """

    name: str
    version: str
    architecture: str
    size: int


@dataclass(frozen=True, slots=True)
class Dist:
    """A Python distribution that is installed; its name is normalised."""

    name: str
    version: str
    license: str


def is_record(path: str) -> bool:
    """Whether the file at *path* (no leading slash) says something of packages."""
    return is_dist(path) or bool(_FILES.fullmatch(path) or _DEBS.fullmatch(path))


def is_dist(path: str) -> bool:
    """Whether the file at *path* is the record of a Python distribution."""
    return path.endswith(_ENDS) and _DIST.fullmatch(path) is not None


def debs(text: str) -> Iterator[Deb]:
    """The installed packages of dpkg's ``status``, or of a file in ``status.d``."""
    for stanza in text.split("\n\n"):
        field = {name: value.strip() for name, value in _FIELD.findall(stanza)}
        state = field.get("Status", "install ok installed").split()[-1:]
        if state == ["installed"] and field.get("Package") and field.get("Version"):
            size = field.get("Installed-Size", "")
            yield Deb(
                field["Package"],
                field["Version"],
                field.get("Architecture", ""),
                int(size) << 10 if size.isascii() and size.isdigit() and len(size) < 13 else 0,
            )


def dist(text: str) -> Dist | None:
    """What a record of a distribution tells; None when it tells no valid name and version."""
    try:
        metadata = HeaderParser().parsestr(text)
        return Dist(
            canonicalize_name(metadata["Name"] or "", validate=True),
            str(Version(metadata["Version"] or "")),
            _license(metadata),
        )
    except (InvalidName, InvalidVersion, ValueError):
        return None  # pip does not see it either


def _license(metadata: Message) -> str:
    """An SPDX expression where there is one, else what its makers say in a few words."""
    classifiers = [
        text.rpartition("::")[2].strip()
        for text in metadata.get_all("Classifier") or ()
        if str(text).startswith(_LICENSE)
    ]
    expression, free = (str(metadata[name] or "") for name in ("License-Expression", "License"))
    # Many put the whole text there, or that they do not know.
    if len(free) > _LONGEST_LICENSE or free.strip().upper() in ("UNKNOWN", "N/A", "NONE"):
        free = ""
    found = expression.strip() or free.strip() or ", ".join(classifiers)
    return " ".join(found.split())[:_LONGEST_LICENSE]


def deb_lists(deb: Deb) -> tuple[str, ...]:
    """Where the list of a Debian package's files can be."""
    return (
        f"{DPKG}/info/{deb.name}.list",
        f"{DPKG}/info/{deb.name}:{deb.architecture}.list",
        f"{DPKG}/status.d/{deb.name}.md5sums",
    )


def deb_files(path: str, text: str) -> Iterator[str]:
    """The paths in such a list, without leading slash."""
    for line in text.split("\n"):
        name = line.partition("  ")[2] if path.endswith(".md5sums") else line
        name = name.removeprefix("./").lstrip("/")
        if name not in ("", "."):
            yield name


def dist_lists(record: str) -> tuple[str, ...]:
    """Where the list of a Python distribution's files can be, from its record's path."""
    folder = record.rpartition("/")[0]
    if record.endswith(".dist-info/METADATA"):
        return (f"{folder}/RECORD",)
    return (f"{folder}/installed-files.txt",) if record.endswith(".egg-info/PKG-INFO") else ()


def dist_files(path: str, text: str) -> Iterator[str]:
    """The paths in such a list, without leading slash; some may lead nowhere."""
    folder = path.rpartition("/")[0]
    if path.endswith("/RECORD"):
        base = folder.rpartition("/")[0]  # a RECORD tells from the folder above its own
        rows = (row[0] for row in _rows(text) if row)
    else:
        base, rows = folder, (line for line in text.split("\n") if line)
    for name in rows:
        plain = "/" not in name or (name[0] not in "/." and "/." not in name and "//" not in name)
        yield f"{base}/{name}" if plain else normpath(join(f"/{base}", name)).lstrip("/")


def _rows(text: str) -> Iterator[list[str]]:
    try:
        yield from csv.reader(text.split("\n"))
    except csv.Error:
        return  # what came before the damage counts
