"""What a build does not see: ``.dockerignore``.

https://docs.docker.com/build/concepts/context/#dockerignore-files and, for what that
leaves open, https://github.com/moby/patternmatcher. Ours, because docker's SDK for
Python, which has it too, takes a fifth of a second to import, for each plan.
"""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Ignore:
    """The patterns of a file, in order; the last that fits decides."""

    patterns: tuple[tuple[re.Pattern[str], bool], ...] = ()

    @classmethod
    def parse(cls, text: str) -> Ignore:
        """Read a ``.dockerignore``."""
        found = []
        for line in text.removeprefix("\ufeff").splitlines():
            pattern = line.strip()
            if not pattern or line.startswith("#"):
                continue
            kept = pattern.startswith("!")
            pattern = posixpath.normpath(pattern[kept:].strip()).lstrip("/")
            if pattern not in ("", "."):
                found.append((_compiled(pattern), kept))
        return cls(tuple(found))

    def __call__(self, path: str) -> bool:
        """Whether *path*, relative to the context, is left out, itself or with a folder."""
        ignored = False
        for pattern, kept in self.patterns:
            if ignored == kept and pattern.fullmatch(path):
                ignored = not kept
        return ignored

    @property
    def keeps_some(self) -> bool:
        """Whether something in a folder that is left out can come back."""
        return any(kept for _, kept in self.patterns)


def _compiled(pattern: str) -> re.Pattern[str]:
    """A pattern of Go's ``filepath.Match``, and ``**`` for any folders."""
    out, at = "", 0
    while at < len(pattern):
        letter = pattern[at]
        if pattern.startswith("**", at):
            at += 2
            if pattern.startswith("/", at):
                at += 1
                out += "(?:.*/)?"
            else:
                out += ".*"
            continue
        at += 1
        if letter == "*":
            out += "[^/]*"
        elif letter == "?":
            out += "[^/]"
        elif letter == "[" and (end := pattern.find("]", at + 1)) > 0:
            out += f"[{_class(pattern[at:end])}]"
            at = end + 1
        elif letter == "\\" and at < len(pattern):
            out += re.escape(pattern[at])
            at += 1
        else:
            out += re.escape(letter)
    return re.compile(f"{out}(?:/.*)?", re.DOTALL)


def _class(text: str) -> str:
    inverted = text.startswith("^")
    body = re.sub(r"([\[\]&~|\\])", r"\\\1", text[inverted:])
    return ("^" if inverted else "") + body
