"""Reading Containerfiles: from lines to instructions.

BuildKit's rules for lines, comments, continuations and heredocs:
https://docs.docker.com/reference/dockerfile/#format and
https://github.com/moby/buildkit/tree/master/frontend/dockerfile/parser

Ours, because PyPI's `dockerfile-parse` knows no heredocs, and `dockerfile` (BuildKit's
own parser) is built for few machines; the tests hold this one against it.
"""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass

from stackyard.stack.flags import split_flags
from stackyard.stack.shellwords import WordError, split, unquoted
from stackyard.stack.suggest import did_you_mean

WORDS = frozenset(
    {
        *("ADD", "ARG", "CMD", "COPY", "ENTRYPOINT", "ENV", "EXPOSE", "FROM", "HEALTHCHECK"),
        *("LABEL", "MAINTAINER", "ONBUILD", "RUN", "SHELL", "STOPSIGNAL", "USER", "VOLUME"),
        "WORKDIR",
    }
)
LONGEST = 65_535
"""Bytes that a line may have: BuildKit's bound, and buildah's."""
SPACE = re.compile(r"[\t\v\f\r ]+")
"""What is between the words of an instruction."""

_DIRECTIVE = re.compile(r"#\s*([A-Za-z][A-Za-z0-9]*)\s*=\s*(.+?)\s*")
_DIRECTIVES = frozenset({"check", "escape", "syntax"})
# With a space before the word only where it cannot be arithmetic: `$((1 << 3))`.
_HEREDOC = re.compile(r"(\d*)<<(-?)\s*([^<\s][^<]*)")
_APART = re.compile(r"\d*<<-?")
_AFTER = re.compile(r"[A-Za-z_\"']")
_QUOTE = re.compile(r"[\"']")
_ESCAPED = re.compile(r"\\.")
_TAKE_HEREDOCS = frozenset({"ADD", "COPY", "RUN"})


class ContainerfileError(ValueError):
    """A Containerfile that cannot be used: what is wrong, what to do, and the line."""

    def __init__(self, message: str, hint: str | None = None, line: int = 0) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.line = line


@dataclass(frozen=True, slots=True)
class Heredoc:
    """Text that stands below an instruction.

    Attributes:
        name: the word that ends it.
        content: its lines; with ``<<-`` without leading tabs.
        expand: variables are filled in; not when the word was quoted.
        descriptor: of the file it is read from, for RUN; empty for standard input.
        written: the whole mark, as ``<<-"EOF"``.
    """

    name: str
    content: str
    expand: bool
    descriptor: str
    written: str


@dataclass(frozen=True, slots=True)
class Instruction:
    """One instruction.

    Attributes:
        word: in capitals.
        arguments: what follows the flags, continued lines joined.
        flags: such as ``--from=build``, quotes and escapes gone.
        heredocs: in the order in which they stand.
        line: its first line, from 1.
        end: its last line, heredocs included.
    """

    word: str
    arguments: str
    flags: tuple[str, ...]
    heredocs: tuple[Heredoc, ...]
    line: int
    end: int


def parse(text: str) -> tuple[Instruction, ...]:
    """The instructions of a Containerfile, from the top.

    Raises:
        ContainerfileError: a heredoc has no end, a line begins with an unknown word or is
            too long, or a directive at the top is wrong.
    """
    return tuple(_Reader(text).instructions())


def escape_of(text: str) -> str:
    """What continues a line: a backslash, unless a directive at the top says a backtick.

    Raises:
        ContainerfileError: it says something else, or says it twice.
    """
    seen: set[str] = set()
    escape = "\\"
    for number, line in enumerate(text.removeprefix("\ufeff").split("\n"), 1):
        directive = _DIRECTIVE.fullmatch(line.strip())
        name = directive[1].lower() if directive else ""
        if directive is None or name not in _DIRECTIVES:
            break
        if name in seen:
            raise ContainerfileError(f"a second '# {name}=' at the top", "leave one out", number)
        seen.add(name)
        if name == "escape":
            escape = directive[2]
            if escape not in ("\\", "`"):
                message = f"'# escape={escape}': a line is continued by \\ or `"
                raise ContainerfileError(message, "write one of these", number)
    return escape


class _Reader:
    """Goes through the lines once."""

    def __init__(self, text: str) -> None:
        self._escape = escape_of(text)
        self._lines = text.removeprefix("\ufeff").split("\n")
        if not self._lines[-1]:
            self._lines.pop()
        self._at = 0

    def _next(self) -> str:
        line = self._lines[self._at]
        self._at += 1
        if len(line) > LONGEST // 4 and len(line.encode()) > LONGEST:
            hint = "put the text into a file and COPY it, or continue the line in others"
            raise ContainerfileError(f"the line has more than {LONGEST} bytes", hint, self._at)
        return line

    def instructions(self) -> Iterator[Instruction]:
        while self._at < len(self._lines):
            start = self._at + 1
            line = self._joined()
            if line is not None:
                yield self._instruction(line.strip(), start)

    def _joined(self) -> str | None:
        """The next line, with those that continue it; None for a comment or an empty one."""
        line = self._next().rstrip("\r").lstrip()
        if not line or line.startswith("#"):
            return None
        whole = []
        while (part := self._continued(line)) is not None:
            whole.append(part)
            line = self._continuation()
        return "".join([*whole, line])

    def _continued(self, line: str) -> str | None:
        """What is before the mark that continues a line; None when there is none."""
        part = line.rstrip(" \t")
        if not part.endswith(self._escape) or part.endswith(self._escape * 2):
            return None
        return part[:-1]

    def _continuation(self) -> str:
        """The next line that is neither a comment nor empty."""
        while self._at < len(self._lines):
            line = self._next().rstrip("\r")
            if (words := line.strip()) and not words.startswith("#"):
                return line
        return ""

    def _instruction(self, line: str, start: int) -> Instruction:
        word, *more = SPACE.split(line, maxsplit=1)
        word = word.upper()
        if word not in WORDS:
            hint = did_you_mean(word, WORDS)
            raise ContainerfileError(f"unknown instruction {word[:40]!r}", hint, start)
        flags, rest = split_flags("".join(more))
        marks = _marks(line) if "<<" in line and _takes_heredocs(word, rest) else []
        heredocs = tuple(self._heredoc(mark, start) for mark in marks)
        return Instruction(word, rest, tuple(flags), heredocs, start, self._at)

    def _heredoc(self, mark: re.Match[str], start: int) -> Heredoc:
        descriptor, chomp, word = mark[1], mark[2], mark[3]
        name = unquoted(word)[0]
        content: list[str] = []
        while self._at < len(self._lines):
            line = self._next()
            line = line.lstrip("\t") if chomp else line
            if line.rstrip("\r") == name:
                text = "".join(f"{part}\n" for part in content)
                expand = not _QUOTE.search(_ESCAPED.sub("", word))
                return Heredoc(name, text, expand, descriptor, mark[0])
            content.append(line)
        raise ContainerfileError(
            f"the heredoc {mark[0]} has no end", f"end it with a line {name}", start
        )


def _takes_heredocs(word: str, rest: str) -> bool:
    if word == "ONBUILD":
        word, *more = SPACE.split(rest, maxsplit=1)
        word, rest = word.upper(), split_flags("".join(more))[1]
    return word in _TAKE_HEREDOCS and not _is_json(rest)


def _is_json(rest: str) -> bool:
    if not rest.startswith("["):
        return False
    try:
        json.JSONDecoder().raw_decode(rest)
    except (ValueError, RecursionError):
        return False
    return True


def _marks(line: str) -> list[re.Match[str]]:
    """The heredocs that a line begins; none where its quotes do not match, as in BuildKit."""
    try:
        words = split(line)
        joined = (
            f"{word} {after}" if _APART.fullmatch(word) and _AFTER.match(after) else word
            for word, after in itertools.pairwise([*words, ""])
        )
        found = (_HEREDOC.fullmatch(word) for word in joined)
        return [mark for mark in found if mark and len(unquoted(mark[3])) == 1]
    except WordError:
        return []
