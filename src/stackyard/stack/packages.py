"""Names of Debian packages, from a list or from a file ``apt.txt``."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from stackyard.errors import Position
from stackyard.stack.problems import Problems
from stackyard.stack.textfile import TextError, read_text

# apt-get removes what is named with a "-" at the end.
PACKAGE = (
    r"[a-z0-9][a-z0-9+.-]*[a-z0-9+.]"
    r"(:[a-z0-9]+(-[a-z0-9]+)*)?"
    r"(=[A-Za-z0-9.+:~-]*[A-Za-z0-9.+~]|/[A-Za-z0-9]+([.-][A-Za-z0-9]+)*)?"
)
"""A name, perhaps with an architecture, and with a version or a suite; as apt-get takes it."""
EXPECTED = "a Debian package such as git, git=1:2.39.5-0+deb12u2 or git/bookworm-backports"

_NAME = re.compile(PACKAGE)
_COMMENT = re.compile(r"(^|\s)#.*")
_LONGEST = 255


def deb_name(package: str) -> str:
    """What apt-get is asked for, without the version or the suite."""
    return re.split("[=/]", package, maxsplit=1)[0]


def read_packages(root: Path, shown: Path, relative: str, problems: Problems) -> tuple[str, ...]:
    """The packages of a file: one a line, with ``#`` comments.

    Args:
        root: the project's folder.
        shown: how messages call that folder.
        relative: the file, relative to the root and inside it.
        problems: what is wrong goes there, with file and line.
    """
    return tuple(_read(root / relative, str(shown / relative), problems))


def _read(path: Path, name: str, problems: Problems) -> Iterator[str]:
    try:
        lines = read_text(path).splitlines()
    except TextError as error:
        problems.add(Position(name, error.line), f"reading Debian packages: {error.message}")
        return
    for number, line in enumerate(lines, 1):
        package = _COMMENT.sub("", line).strip()
        if package and len(package) <= _LONGEST and _NAME.fullmatch(package):
            yield package
        elif package:
            message = f"reading Debian packages: found {package[:60]!r}, expected {EXPECTED}"
            hint = "write one package a line" if " " in package else None
            problems.add(Position(name, number), message, hint)
