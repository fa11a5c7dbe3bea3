"""Where Debian's packages come from.

A site can have mirrors of its own. ``STACKYARD_DEBIAN_MIRROR`` is the URL of the
archive, and the security archive is beside it, ``-security`` longer, as on
deb.debian.org. ``STACKYARD_DEBIAN_SNAPSHOTS`` is the URL of the archive's earlier
states, with the folders of https://snapshot.debian.org/archive in it.
What an image is left with is always Debian's own.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from stackyard.errors import InputError

VARIABLE = "STACKYARD_DEBIAN_MIRROR"
SNAPSHOTS = "STACKYARD_DEBIAN_SNAPSHOTS"
_ARCHIVE = "http://deb.debian.org/debian"
_SECURITY = "http://security.debian.org/debian-security"
_SNAPSHOTS = "http://snapshot.debian.org/archive"
_URL = re.compile(r"https?://[^\s\[\]#]+")
_MOMENT = re.compile(r"[0-9]{8}T[0-9]{6}Z")
_KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
_TRUSTED = Path("/etc/apt/trusted.gpg.d")


@dataclass(frozen=True, slots=True)
class Mirror:
    """The archives' URLs; they can hold a user and a password.

    Attributes:
        held: they are of a moment in the past, whose signed lists may have run out.
    """

    main: str
    security: str
    held: bool = False

    @property
    def variable(self) -> str:
        """The environment variable that names another."""
        return SNAPSHOTS if self.held else VARIABLE


def own(snapshot: str = "") -> Mirror:
    """Debian's own.

    Args:
        snapshot: the moment whose state of the archive is wanted, such as
            ``20260115T000000Z``; empty for today's.

    Raises:
        InputError: it is written otherwise.
    """
    return _held(_SNAPSHOTS, snapshot) if snapshot else Mirror(_ARCHIVE, _SECURITY)


def mirror(snapshot: str = "") -> Mirror:
    """The one that this machine is to use.

    Args:
        snapshot: as for `own`.

    Raises:
        InputError: the snapshot is written otherwise, or a variable is no http or
            https URL.
    """
    if snapshot:
        return _held(_site(SNAPSHOTS, _SNAPSHOTS), snapshot)
    url = _site(VARIABLE, _ARCHIVE)
    return own() if url == _ARCHIVE else Mirror(url, f"{url}-security")


def sources_for(suite: str, snapshot: str, *, keys: str = "") -> str:
    """The apt ``sources.list`` to fetch with on this machine, which can hold a password.

    Args:
        suite: a stable one.
        snapshot: as for `own`.
        keys: the file of the keys to verify with; empty for those that apt has.

    Raises:
        InputError: as `mirror`.
    """
    return _sources(suite, mirror(snapshot), keys)


def sources_kept(suite: str, snapshot: str) -> str:
    """The apt ``sources.list`` that stays in the image: of Debian's own archives.

    Args:
        suite: a stable one.
        snapshot: as for `own`.

    Raises:
        InputError: as `own`.
    """
    return _sources(suite, own(snapshot))


def keyring() -> str:
    """The file of Debian's keys, where this machine's apt does not trust them; else empty."""
    if _KEYRING.is_file() and not any(_TRUSTED.glob("debian-archive-*")):
        return str(_KEYRING)
    return ""


def _sources(suite: str, site: Mirror, keys: str = "") -> str:
    """The suite itself, its updates, its security."""
    options = [f"signed-by={keys}"] if keys else []
    if site.held:
        options.append("check-valid-until=no")
    told = f"[{' '.join(options)}] " if options else ""
    return "".join(
        f"deb {told}{url} {name} main\n"
        for url, name in (
            (site.main, suite),
            (site.main, f"{suite}-updates"),
            (site.security, f"{suite}-security"),
        )
    )


def moment(snapshot: str) -> datetime:
    """When a snapshot is of.

    Raises:
        InputError: it is not written as snapshot.debian.org does.
    """
    try:
        # It becomes a part of addresses and of a line that apt reads.
        if _MOMENT.fullmatch(snapshot):
            return datetime.strptime(snapshot, "%Y%m%dT%H%M%S%z")
    except ValueError:
        pass
    raise InputError(
        f"{snapshot!r} is no moment to hold Debian's archive to",
        hint="write it in UTC, such as 20260115T000000Z",
    )


def _held(url: str, snapshot: str) -> Mirror:
    moment(snapshot)
    return Mirror(f"{url}/debian/{snapshot}/", f"{url}/debian-security/{snapshot}/", held=True)


def _site(variable: str, ordinary: str) -> str:
    url = os.environ.get(variable, "").rstrip("/") or ordinary
    if not _URL.fullmatch(url):
        raise InputError(
            f"{variable} is not an http or https URL",
            hint=f"set it to such as {ordinary}, or unset it",
        )
    return url
