"""Where Debian's packages come from.

A site can have a mirror of its own: ``STACKYARD_DEBIAN_MIRROR`` is its URL, and
the security archive is beside it, ``-security`` longer, as on deb.debian.org.
What the image is left with is always Debian's own.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from stackyard.errors import InputError

VARIABLE = "STACKYARD_DEBIAN_MIRROR"
_URL = re.compile(r"https?://[^\s\[\]#]+")
_KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
_TRUSTED = Path("/etc/apt/trusted.gpg.d")


@dataclass(frozen=True, slots=True)
class Mirror:
    """The archives' URLs; they can hold a user and a password."""

    main: str
    security: str


ORDINARY = Mirror("http://deb.debian.org/debian", "http://security.debian.org/debian-security")


def mirror() -> Mirror:
    """The mirror that this machine is to use.

    Raises:
        InputError: the variable is no http or https URL.
    """
    url = os.environ.get(VARIABLE, "").rstrip("/")
    if not url:
        return ORDINARY
    if not _URL.fullmatch(url):
        raise InputError(
            f"{VARIABLE} is not an http or https URL",
            hint="set it to such as http://deb.debian.org/debian, or unset it",
        )
    return Mirror(url, f"{url}-security")


def sources(suite: str, site: Mirror, options: str = "") -> str:
    """An apt ``sources.list`` for a stable suite: itself, its updates, its security."""
    return "".join(
        f"deb {options}{url} {name} main\n"
        for url, name in (
            (site.main, suite),
            (site.main, f"{suite}-updates"),
            (site.security, f"{suite}-security"),
        )
    )


def trust() -> str:
    """The apt option that names Debian's keys, where this machine's apt does not trust them."""
    if _KEYRING.is_file() and not any(_TRUSTED.glob("debian-archive-*")):
        return f"[signed-by={_KEYRING}] "
    return ""
