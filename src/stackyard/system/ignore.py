r"""What a build does not see: ``.dockerignore``.

https://docs.docker.com/build/concepts/context/#dockerignore-files and, for what that
leaves open, https://github.com/moby/patternmatcher. Ours, because docker's SDK for
Python, which has it too, reads ``[^a]``, ``\*`` and ``**a`` otherwise than docker does, takes
minutes for patterns such as ``*a*a*a*a*a*a*b``, and brings an HTTP client along.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from dataclasses import dataclass

from stackyard.errors import InputError, Position

_HINT = "see https://docs.docker.com/build/concepts/context/#dockerignore-files"
_MAX_GLUED = 4
_GLUED = re.compile(r"([^/*])\*\*(?:/\*\*)*/?")
_WILD = re.compile(r"[*?[\]\\]")


@dataclass(frozen=True)
class Ignore:
    """The patterns of a file, in order; the last that fits decides."""

    patterns: tuple[tuple[re.Pattern[str], bool], ...] = ()

    @classmethod
    def parse(cls, text: str, file: str) -> Ignore:
        """Read a ``.dockerignore``.

        Args:
            text: its content.
            file: its name, for messages.

        Raises:
            InputError: a pattern in it is wrong.
        """
        found = []
        for number, line in enumerate(text.removeprefix("\ufeff").split("\n"), 1):
            pattern = "" if line.startswith("#") else line.strip()
            if not pattern:
                continue
            kept = pattern.startswith("!")
            try:
                compiled = _compiled(pattern[kept:].strip())
            except ValueError as error:
                message = f"the pattern {pattern!r}: {error}"
                raise InputError(message, where=Position(file, number), hint=_HINT) from error
            found.append((compiled, kept))
        return cls(tuple(found))

    def __call__(self, path: str) -> bool:
        """Whether *path*, relative to the context, is left out.

        What fits a folder fits all that is in it.
        """
        ignored = False
        for pattern, kept in self.patterns:
            if ignored == kept and pattern.match(path):
                ignored = not kept
        return ignored

    @property
    def keeps_some(self) -> bool:
        """Whether something in a folder that is left out can come back."""
        return any(kept for _, kept in self.patterns)


def _compiled(pattern: str) -> re.Pattern[str]:
    """A pattern of Go's ``filepath.Match``, and ``**`` for any number of folders."""
    if not pattern:
        raise ValueError("there is nothing after the !")
    pattern = posixpath.normpath(pattern).lstrip("/").replace("\\*", "[*]")
    if len(_GLUED.findall(pattern)) > _MAX_GLUED:
        raise ValueError("too many ** within names")
    if pattern.startswith("**") and not _WILD.search(pattern, 2):
        pattern = re.sub(r"^\*\*(?!/|$)", "**/*", pattern)
    paths = [_path(names) for names in _alternatives(pattern)]
    return re.compile("|".join(paths) or "(?!)", re.DOTALL)


def _alternatives(pattern: str) -> Iterator[list[str]]:
    """The names of a pattern, with ``**`` only as a name of its own.

    ``a**b`` and ``a**/b`` are ``ab``, or ``a*/**/b``; ``a**`` begins a name, and ``**b`` is
    ``**/b``.
    """
    glued = _GLUED.search(pattern)
    if glued:
        head, tail = pattern[: glued.end(1)], pattern[glued.end() :]
        yield from _alternatives(head + (tail or "*"))
        if tail:
            yield from _alternatives(f"{head}*/**/{tail}")
        return
    names = re.sub(r"((?:^|/)\*\*)(?=[^/])", r"\1/", pattern).split("/")
    # What is in a folder is more than the folder.
    names[-1:] = ["*"] if names[-1] == "**" else names[-1:]
    if names != ["."]:
        yield names


def _path(names: list[str]) -> str:
    """A regular expression for paths that begin with such names.

    What follows a ``**`` is looked for from left to right and then kept: no later place
    could do better. So matching takes no longer for patterns made to be slow.
    """
    out, inside = [], False
    for at, name in enumerate(names):
        if name == "**":
            if not inside or names[at - 1] != "**":
                out.append((")" if inside else "") + "(?>(?:[^/]+/)*?")
            inside = True
        else:
            out.append(_name(name) + (r"(?:/|\Z)" if at == len(names) - 1 else "/"))
    return "".join(out) + (")" if inside else "")


def _name(pattern: str) -> str:
    """A regular expression for one name."""
    parts = [""]
    at = 0
    while at < len(pattern):
        letter = pattern[at]
        at += 1
        if letter == "*":
            parts.append("")
        elif letter == "?":
            parts[-1] += "[^/]"
        elif letter == "[":
            end = _class_end(pattern, at)
            parts[-1] += f"(?!/){_class(pattern[at:end])}"
            at = end + 1
        elif letter == "\\":
            if at == len(pattern):
                raise ValueError("nothing follows the last \\")
            parts[-1] += re.escape(pattern[at])
            at += 1
        else:
            parts[-1] += re.escape(letter)
    first, *others = parts
    if not others:
        return first
    middle = "".join(f"(?>[^/]*?{part})" for part in others[:-1] if part)
    return rf"{first}{middle}[^/]*{others[-1]}(?=/|\Z)"


def _class_end(pattern: str, at: int) -> int:
    """Where the ``]`` is of a ``[`` that ends at *at*."""
    start = at = at + pattern.startswith("^", at)
    while at < len(pattern) and pattern[at] != "]":
        at += 2 if pattern[at] == "\\" else 1
    if at >= len(pattern) or at == start:
        raise ValueError("a [ without letters and a ]")
    return at


def _class(text: str) -> str:
    """A regular expression for one of some letters: ``^`` first is all others."""
    inverted = text.startswith("^")
    letters = re.findall(r"\\.|[^\\]", text[inverted:], re.DOTALL)
    out, at = [], 0
    while at < len(letters):
        low = letters[at][-1]
        ranged = at + 2 < len(letters) and letters[at + 1] == "-"
        high = letters[at + 2][-1] if ranged else low
        if low > high:
            raise ValueError(f"{low}-{high} is no range")
        out.append(f"{re.escape(low)}-{re.escape(high)}")
        at += 3 if ranged else 1
    return f"[{'^' if inverted else ''}{''.join(out)}]"
