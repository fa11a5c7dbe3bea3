"""Reading Containerfiles: which instructions there are, and what the last stage stands on.

BuildKit's rules for lines, comments, continuations and heredocs:
https://docs.docker.com/reference/dockerfile/#format and
https://github.com/moby/buildkit/tree/master/frontend/dockerfile/parser

Ours, because PyPI's `dockerfile-parse` knows no heredocs, and `dockerfile` (BuildKit's
own parser) is built for few machines; the tests hold this one against it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from stackyard.stack.suggest import did_you_mean

WORDS = frozenset(
    {
        *("ADD", "ARG", "CMD", "COPY", "ENTRYPOINT", "ENV", "EXPOSE", "FROM", "HEALTHCHECK"),
        *("LABEL", "MAINTAINER", "ONBUILD", "RUN", "SHELL", "STOPSIGNAL", "USER", "VOLUME"),
        "WORKDIR",
    }
)
_DIRECTIVE = re.compile(r"#[ \t]*([A-Za-z][A-Za-z0-9]*)[ \t]*=[ \t]*(.+?)[ \t]*")
_FLAG = re.compile(r"(--[A-Za-z][^\s]*)(?:\s+|$)")
# A word of a line, quotes and all; one that lacks its closing quote goes to the end.
_WORD = re.compile(r"""(?:\\.|"(?:\\.|[^"\\])*(?:"|$)|'[^']*(?:'|$)|[^\s"'\\])+""")
_HEREDOC = re.compile(r"(\d*)<<(-?)([^<]+)")
_TAKES_HEREDOCS = frozenset({"ADD", "COPY", "RUN"})
_ARGUMENT = re.compile(r"\$(?:([A-Za-z_]\w*)|\{([A-Za-z_]\w*)(?::?-[^{}]*)?\})")
_WRITE = "write `ARG BASE_IMAGE` and `FROM $BASE_IMAGE`: it takes what the layer stands on"


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
        flags: such as ``--from=build``.
        heredocs: in the order in which they stand.
        line, end: its first and its last line, heredocs included, from 1.
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
        ContainerfileError: a heredoc has no end, or a line begins with an unknown word.
    """
    return tuple(_Reader(text).instructions())


def parent_argument(text: str) -> str:
    """The build argument that the last stage is ``FROM``, through other stages perhaps.

    Raises:
        ContainerfileError: it stands on something else than what such an argument says.
    """
    instructions = parse(text)
    declared: set[str] = set()
    stages: dict[str, Instruction] = {}
    last: Instruction | None = None
    for instruction in instructions:
        if instruction.word == "FROM":
            last = instruction
            name = _stage_name(instruction)
            if name and name not in stages:
                stages[name] = instruction
        elif last is None and instruction.word == "ARG":
            declared |= {word.partition("=")[0] for word in instruction.arguments.split()}
        elif last is None:
            raise ContainerfileError(
                f"{instruction.word} stands before the first FROM", _WRITE, instruction.line
            )
    if last is None:
        raise ContainerfileError("it has no FROM", _WRITE, 1 if instructions else 0)
    return _followed(last, stages, declared)


def _followed(last: Instruction, stages: dict[str, Instruction], declared: set[str]) -> str:
    stage, seen = last, {id(last)}
    while (image := _image(stage)).lower() in stages and id(stages[image.lower()]) not in seen:
        below = stages[image.lower()]
        if below.line > stage.line:
            break  # a stage stands on those before it; a later one is no stage yet
        stage = below
        seen.add(id(stage))
    argument = _ARGUMENT.fullmatch(image)
    if argument is None:
        raise ContainerfileError(
            f"its last stage stands on {image}, not on what the layer stands on", _WRITE, stage.line
        )
    name = argument[1] or argument[2]
    if name not in declared:
        raise ContainerfileError(
            f"FROM {image}: there is no `ARG {name}` before the first FROM",
            f"write `ARG {name}` into the first line",
            stage.line,
        )
    return name


def _image(stage: Instruction) -> str:
    words = stage.arguments.split()
    if not words:
        raise ContainerfileError("FROM names no image", _WRITE, stage.line)
    return words[0].strip("\"'")


def _stage_name(stage: Instruction) -> str:
    words = stage.arguments.split()
    named = len(words) == 3 and words[1].lower() == "as"
    return words[2].lower() if named else ""


class _Reader:
    """Goes through the lines once."""

    def __init__(self, text: str) -> None:
        self._lines = [line.removesuffix("\r") for line in text.removeprefix("\ufeff").split("\n")]
        self._at = 0
        escape = re.escape(self._escape())
        self._continued = re.compile(rf"(.*[^{escape}]|^){escape}[ \t]*", re.DOTALL)

    def _escape(self) -> str:
        """What continues a line: a directive before everything else can say so."""
        for line in self._lines:
            directive = _DIRECTIVE.fullmatch(line.strip())
            if directive is None:
                break
            if directive[1].lower() == "escape":
                return directive[2]
        return "\\"

    def instructions(self) -> Iterator[Instruction]:
        while self._at < len(self._lines):
            start = self._at + 1
            line = self._joined().strip()
            if line:
                yield self._instruction(line, start)

    def _joined(self) -> str:
        """The next line, with those that continue it; empty for a comment."""
        line = self._lines[self._at].lstrip()
        self._at += 1
        if line.startswith("#"):
            return ""
        whole = ""
        while continued := self._continued.fullmatch(line):
            whole += continued[1]
            line = self._continuation()
        return whole + line

    def _continuation(self) -> str:
        """The next line that is neither a comment nor empty."""
        while self._at < len(self._lines):
            line = self._lines[self._at]
            self._at += 1
            if line.strip() and not line.lstrip().startswith("#"):
                return line
        return ""

    def _instruction(self, line: str, start: int) -> Instruction:
        word, _, rest = line.partition(" ") if " " in line else line.partition("\t")
        word, tab, more = word.partition("\t")
        rest = f"{more} {rest}".strip() if tab else rest.strip()
        if word.upper() not in WORDS:
            raise ContainerfileError(
                f"unknown instruction {word[:40]!r}", did_you_mean(word.upper(), WORDS), start
            )
        flags: list[str] = []
        while flag := _FLAG.match(rest):
            flags.append(flag[1])
            rest = rest[flag.end() :]
        heredocs: tuple[Heredoc, ...] = ()
        if word.upper() in _TAKES_HEREDOCS and not rest.startswith("["):
            marks = (_HEREDOC.fullmatch(found[0]) for found in _WORD.finditer(rest))
            heredocs = tuple(self._heredoc(mark, start) for mark in marks if mark)
        return Instruction(word.upper(), rest, tuple(flags), heredocs, start, self._at)

    def _heredoc(self, mark: re.Match[str], start: int) -> Heredoc:
        descriptor, chomp, quoted = mark.groups()
        name = re.sub(r"[\"'\\\\]", "", quoted)
        content: list[str] = []
        while self._at < len(self._lines):
            line = self._lines[self._at]
            self._at += 1
            line = line.lstrip("\t") if chomp else line
            if line == name:
                expand = quoted == name
                text = "".join(f"{part}\n" for part in content)
                return Heredoc(name, text, expand, descriptor, mark[0])
            content.append(line)
        raise ContainerfileError(
            f"the heredoc {mark[0]} has no end", f"end it with a line {name}", start
        )
