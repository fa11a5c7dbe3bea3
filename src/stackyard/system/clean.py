"""Taking this machine and this moment out of a bootstrapped Debian.

What is left depends on nothing but the packages, so that the same versions give
the same bytes on every machine.
"""

from __future__ import annotations

import re
from dataclasses import replace

from stackyard.oci.tar import Kind, TarEntry

_SOURCES = "etc/apt/sources.list"
# Container engines bring /dev, /etc/hostname and /etc/resolv.conf of their own.
_DROPPED = re.compile(
    r"""
    dev/.*
    | etc/(hostname|resolv\.conf)
    | etc/(apt/apt\.conf|dpkg/dpkg\.cfg)\.d/99mmdebstrap
    | run/(?!lock$).*
    | tmp/.*
    | var/cache/(apt/.*\.bin|apt/archives/.*\.deb|debconf/.*-old|ldconfig/aux-cache)
    | var/lib/apt/lists/(?!(partial|auxfiles)$).*
    | var/lib/dbus/machine-id
    | var/lib/dpkg/.*-old
    """,
    re.VERBOSE,
)
# Whose these are tells whether apt's own user could reach them where they were made.
_APTS = re.compile(r"var/(lib/apt/lists|cache/apt/archives)/.*")
_EMPTIED = re.compile(r"etc/machine-id|var/log/.*")


class Cleaner:
    """Decides for each entry of a bootstrapped Debian what becomes of it.

    Args:
        sources: what stands in the image's ``/etc/apt/sources.list``; None to leave it.
    """

    def __init__(self, sources: str | None = None) -> None:
        self._sources = None if sources is None else sources.encode()

    def __call__(self, entry: TarEntry) -> tuple[TarEntry, bytes | None] | None:
        """The entry to write, and its contents when they are others; None to leave it out."""
        name = entry.name
        if _DROPPED.fullmatch(name):
            return None
        if name == _SOURCES and self._sources is not None:
            return replace(entry, size=len(self._sources), mode=0o644), self._sources
        if entry.kind is Kind.FILE and _EMPTIED.fullmatch(name):
            return replace(entry, size=0), b""
        if _APTS.fullmatch(name):
            return replace(entry, uid=0, gid=0), None
        return entry, None
