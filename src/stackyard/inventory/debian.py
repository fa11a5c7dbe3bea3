"""Debian packages, from dpkg's own records.

https://www.debian.org/doc/debian-policy/ch-controlfields.html
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from stackyard.inventory.filesystem import FileSystem

_STATUS = "var/lib/dpkg/status"
_PARTS = "var/lib/dpkg/status.d"  # distroless images keep a file for each package
_FIELD = re.compile(r"(Package|Status|Version|Architecture): *(.*)")
_UNDONE = frozenset(
    {"half-installed", "unpacked", "half-configured", "triggers-awaited", "triggers-pending"}
)
_UPSTREAM = re.compile(r"(?:\d+:)?(.+?)(?:-[^-]+)?")


def debs(fs: FileSystem) -> dict[str, str]:
    """The installed Debian packages: name to version, sorted by name.

    A package that is there for several architectures is listed once under its
    name and again under ``name:architecture``.

    Args:
        fs: the image's files.
    """
    return installed(_texts(fs))


def installed(texts: Iterable[str]) -> dict[str, str]:
    """As `debs`, from the texts of dpkg's records."""
    found: dict[str, str] = {}
    for stanza in _stanzas(texts):
        if stanza.get("Status", "install ok installed").split()[-1:] != ["installed"]:
            continue
        name, version = stanza.get("Package"), stanza.get("Version")
        if name and version:
            taken = name in found
            found[f"{name}:{stanza.get('Architecture', '')}" if taken else name] = version
    return dict(sorted(found.items()))


def interrupted(text: str) -> tuple[str, ...]:
    """The packages that dpkg did not come to an end with, each with its state.

    Args:
        text: dpkg's status file.
    """
    states = ((s.get("Package", "?"), s.get("Status", "").split()[-1:]) for s in _stanzas([text]))
    return tuple(f"{name} is {state[0]}" for name, state in states if state and state[0] in _UNDONE)


def upstream(version: str) -> str:
    """A Debian version without epoch and Debian revision: ``2.36`` of ``1:2.36-9+deb12u10``."""
    match = _UPSTREAM.fullmatch(version)
    return match[1] if match else version


def _texts(fs: FileSystem) -> Iterator[str]:
    yield fs.text(_STATUS) or ""
    for name in fs.listdir(_PARTS):
        if not name.endswith(".md5sums"):
            yield fs.text(f"{_PARTS}/{name}") or ""


def _stanzas(texts: Iterable[str]) -> Iterator[dict[str, str]]:
    for text in texts:
        for stanza in text.split("\n\n"):
            lines = (_FIELD.fullmatch(line) for line in stanza.splitlines())
            fields = {line[1]: line[2] for line in lines if line}
            if fields:
                yield fields
