"""Python requirements, from a list or from a requirements file.

The file's format is pip's, without what a lock makes senseless:
https://pip.pypa.io/en/stable/reference/requirements-file-format/
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from packaging.markers import UndefinedEnvironmentName
from packaging.requirements import InvalidRequirement, Requirement

from stackyard.errors import Position
from stackyard.stack.paths import PathError, inside
from stackyard.stack.problems import Problems
from stackyard.stack.textfile import TextError, read_text

MAX_FILES = 50
"""Requirements files that one file may bring in, itself counted."""

_COMMENT = re.compile(r"(^|\s+)#.*$")
_INDEX = ("-i", "--index-url", "--extra-index-url", "--no-index", "-f", "--find-links")
_INDEX_HINT = "indexes are the machine's setting: set UV_INDEX_URL, or use pip.conf or uv.toml"
_WHEELS_HINT = "packages are installed as wheels from an index: name the package"


class RequirementError(ValueError):
    """A requirement that cannot be used: what is wrong, and what to do."""

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


@functools.lru_cache(maxsize=50_000)
def requirement(text: str) -> str:
    """A PEP 508 requirement, as written without the blanks around it.

    Raises:
        RequirementError: it is none, or names a place instead of a package.
    """
    text = text.strip()
    if text.startswith("-"):
        raise _option(text)
    if re.search(r"\s--hash[= ]", text):
        raise RequirementError(
            f"{text.split()[0]!r} has a --hash", "leave hashes out: the lock records them itself"
        )
    if re.search(r"\s--[a-z]", text):
        raise RequirementError(f"{text.split()[0]!r} has options", "leave them out")
    if _is_place(text):
        raise RequirementError(f"{text!r} is a place, not a package", _WHEELS_HINT)
    try:
        parsed = Requirement(text)
    except InvalidRequirement as error:
        reason = str(error).splitlines()[0]
        hint = 'write it as in "numpy>=2,<3"'
        raise RequirementError(f"{text!r} is not a requirement: {reason}", hint) from None
    if parsed.url is not None:
        raise RequirementError(f"{parsed.name!r} is asked for by URL", _WHEELS_HINT)
    try:
        # Some that parse compare what cannot be compared.
        _ = parsed.marker and parsed.marker.evaluate({"extra": ""})
    except (UndefinedEnvironmentName, ValueError) as error:
        raise RequirementError(
            f"{text!r}: its marker cannot be evaluated: {error}",
            "compare a name such as python_version with a text in quotes",
        ) from None
    return text


def read_requirements(
    root: Path, shown: Path, relative: str, problems: Problems
) -> tuple[str, ...]:
    """The requirements of a file and of those that it brings in with ``-r``.

    Args:
        root: the project's folder.
        shown: how messages call that folder.
        relative: the file, relative to the root and inside it.
        problems: what is wrong goes there, with file and line.
    """
    return tuple(_read(root, shown, relative, problems, ()))


def _read(
    root: Path, shown: Path, relative: str, problems: Problems, via: tuple[str, ...]
) -> Iterator[str]:
    name = str(shown / relative)
    for number, line in _lines(root / relative, name, problems):
        where = Position(name, number)
        nested = re.fullmatch(r"(?:-r\s*|--requirement[=\s]\s*)(.+)", line)
        try:
            if nested is None:
                yield requirement(line)
                continue
            below = inside(root, PurePosixPath(relative).parent, nested[1])
            chain = (*via, relative)
            if below in chain:
                raise RequirementError("includes itself: " + " → ".join((*chain, below)))
            if len(chain) >= MAX_FILES:
                raise RequirementError(f"more than {MAX_FILES} files deep")
        except (RequirementError, PathError) as error:
            problems.add(where, f"reading requirements: {error.message}", error.hint)
            continue
        yield from _read(root, shown, below, problems, chain)


def _lines(path: Path, name: str, problems: Problems) -> Iterator[tuple[int, str]]:
    """Numbered lines that say something, continued lines joined."""
    try:
        lines = read_text(path).splitlines()
    except TextError as error:
        problems.add(Position(name, error.line), f"reading requirements: {error.message}")
        return
    begun, start = "", 0
    for number, line in enumerate([*lines, ""], 1):
        start = start or number
        if line.endswith("\\") and not line.lstrip().startswith("#"):
            begun += line[:-1] + " "
            continue
        whole = _COMMENT.sub("", begun + line).strip()
        if whole:
            yield start, whole
        begun, start = "", 0


def _option(text: str) -> RequirementError:
    option = re.split(r"[\s=]", text, maxsplit=1)[0]
    if option in _INDEX or option == "--trusted-host":
        return RequirementError(f"the option {option} cannot be used here", _INDEX_HINT)
    if option in {"-e", "--editable"}:
        return RequirementError("an editable install is not a package", _WHEELS_HINT)
    if option in {"-c", "--constraint"}:
        hint = "write the bounds into the requirements; the lock holds all versions together"
        return RequirementError(f"constraints ({option}) cannot be used here", hint)
    if option in {"-r", "--requirement"}:
        return RequirementError(
            "a list cannot bring in a file", "write pip: FILE instead of a list"
        )
    return RequirementError(f"the option {option} cannot be used here", "leave it out")


def _is_place(text: str) -> bool:
    """Whether it is a URL, a path or a file (``name @ URL`` is a requirement)."""
    first = text.partition(";")[0].strip()
    return "@" not in first and ("/" in first or first.endswith((".whl", ".tar.gz", ".zip")))
