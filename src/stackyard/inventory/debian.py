"""Debian packages, from dpkg's own records.

https://www.debian.org/doc/debian-policy/ch-controlfields.html
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from stackyard.inventory.filesystem import FileSystem

_STATUS = "var/lib/dpkg/status"
_PARTS = "var/lib/dpkg/status.d"  # distroless images keep a file for each package
_FIELD = re.compile(r"(Package|Status|Version|Architecture): *(.*)")
_UPSTREAM = re.compile(r"(?:\d+:)?(.+?)(?:-[^-]+)?")


def debs(fs: FileSystem) -> dict[str, str]:
    """The installed Debian packages: name to version, sorted by name.

    A package that is there for several architectures is listed once under its
    name and again under ``name:architecture``.

    Args:
        fs: the image's files.
    """
    found: dict[str, str] = {}
    for stanza in _stanzas(fs):
        if stanza.get("Status", "install ok installed").split()[-1:] != ["installed"]:
            continue
        name, version = stanza.get("Package"), stanza.get("Version")
        if name and version:
            taken = name in found
            found[f"{name}:{stanza.get('Architecture', '')}" if taken else name] = version
    return dict(sorted(found.items()))


def upstream(version: str) -> str:
    """A Debian version without epoch and Debian revision: ``2.36`` of ``1:2.36-9+deb12u10``."""
    match = _UPSTREAM.fullmatch(version)
    return match[1] if match else version


def _stanzas(fs: FileSystem) -> Iterator[dict[str, str]]:
    texts = [fs.text(_STATUS) or ""]
    texts += [
        fs.text(f"{_PARTS}/{name}") or ""
        for name in fs.listdir(_PARTS)
        if not name.endswith(".md5sums")
    ]
    for text in texts:
        for stanza in text.split("\n\n"):
            lines = (_FIELD.fullmatch(line) for line in stanza.splitlines())
            fields = {line[1]: line[2] for line in lines if line}
            if fields:
                yield fields
