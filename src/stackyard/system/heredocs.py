"""Containerfiles for engines that know no heredocs: the same meaning without them.

That is buildah before 1.33 and BuildKit in docker before 23. What a shell runs becomes one
word of JSON. Files are written in a stage of their own, which stands on the same image and
so has a shell, and are copied from there: with all that COPY can say, by its own rules,
and with nothing in the context that a ``COPY .`` would see.
https://docs.docker.com/reference/dockerfile/#here-documents
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence

from stackyard.errors import InputError
from stackyard.oci.image import RuntimeConfig
from stackyard.stack.containerfile import ContainerfileError, Heredoc, Instruction, escape_of, parse
from stackyard.stack.flags import written_flag
from stackyard.stack.shellwords import WordError, expand
from stackyard.stack.syntax import SPACE
from stackyard.system.stages import Stage, stages

_STAGE = "stackyard-heredocs"
_PLACE = "/stackyard-heredocs"
_PIPES = "/run/stackyard"
"""Where a script is while it runs, and leaves nothing."""

_WRITE = 'umask 022; printf %s "$2" >>"$1" && chmod "$0" "$1"'
_PIECE = 30_000  # characters of at most 4 bytes; an argument may have 128 KiB
_LINE = 15_000  # likewise; lines may have 64 KiB
_NAME = re.compile(r"(?!\.\.?$)[A-Za-z0-9_.,:=@%+-]+")
_NUMBERED = re.compile(r"(--from=|--mount=(?:.*,)?from=)(\d+)(,.*)?")
_OF_FILES = ("--chown=", "--chmod=", "--link")
_NEWER = "or install an engine that knows heredocs: buildah 1.33, docker 23"


def without_heredocs(
    text: str, parent: RuntimeConfig, argument: str, *, args: Mapping[str, str] | None = None
) -> str:
    """A Containerfile without heredocs.

    Args:
        text: one that may have some.
        parent: the configuration of what it stands on.
        argument: the build argument that says what it stands on.
        args: the values of the other build arguments, for files whose variables are
            filled in; those that the engine sets itself (``TARGETARCH``) included.

    Raises:
        InputError: it has one that cannot be said otherwise.
    """
    try:
        instructions = parse(text)
    except ContainerfileError as error:
        raise InputError(f"line {error.line}: {error.message}", hint=error.hint) from error
    if not any(instruction.heredocs for instruction in instructions):
        return text
    escape = escape_of(text)
    rewriter = _Rewriter(any(_needs_files(instruction) for instruction in instructions), escape)
    lines = text.removeprefix("\ufeff").split("\n")
    out: list[str] = []
    done, top = 0, -1
    for instruction, stage in stages(instructions, parent, argument, args or {}, escape):
        out += lines[done : instruction.line - 1]
        if instruction.word == "FROM" and top < 0:
            top = len(out)
        written = rewriter.written(instruction, stage)
        out += lines[instruction.line - 1 : instruction.end] if written is None else written
        done = instruction.end
    return "\n".join([*out[:top], *rewriter.stage(argument), *out[top:], *lines[done:]])


def _needs_files(instruction: Instruction) -> bool:
    return bool(instruction.heredocs) and (instruction.word != "RUN" or _is_program(instruction))


def _is_script(instruction: Instruction) -> bool:
    """Whether the one heredoc is all that is to run."""
    mark = "".join(instruction.heredocs[0].written.split())
    return "".join(instruction.arguments.split()) == mark


def _is_program(instruction: Instruction) -> bool:
    """Whether its first line says what runs it."""
    return _is_script(instruction) and instruction.heredocs[0].content.startswith("#!")


class _Rewriter:
    """Writes instructions anew, and the stage that has the files.

    Args:
        has_stage: there will be such a stage, before all others.
        escape: the file's escape character.
    """

    def __init__(self, has_stage: bool, escape: str) -> None:
        self._has_stage = has_stage
        self._escape = escape
        self._folders = 0
        self._files: list[str] = []

    def stage(self, argument: str) -> list[str]:
        """The stage with the files; empty when there are none."""
        if not self._has_stage:
            return []
        return [f"FROM ${{{argument}}} AS {_STAGE}", "USER 0:0", *self._files]

    def written(self, instruction: Instruction, stage: Stage) -> list[str] | None:
        """The lines that stand for an instruction; None when it stays as it is."""
        flags = [self._counted(flag) for flag in instruction.flags]
        if not instruction.heredocs:
            if tuple(flags) == instruction.flags:
                return None
            return [_line(instruction.word, flags, instruction.arguments)]
        if instruction.word == "ONBUILD":
            message = f"line {instruction.line}: this engine knows no heredocs, and ONBUILD has one"
            raise InputError(message, hint=f"COPY a script and run it, {_NEWER}")
        if instruction.word == "RUN":
            return self._run(instruction, flags, stage)
        return self._copy(instruction, flags, stage)

    def _counted(self, flag: str) -> str:
        """A flag that tells a stage by its number: there is one more before it now."""
        found = _NUMBERED.fullmatch(flag) if self._has_stage else None
        return f"{found[1]}{int(found[2]) + 1}{found[3] or ''}" if found else flag

    def _run(self, instruction: Instruction, flags: Sequence[str], stage: Stage) -> list[str]:
        first = instruction.heredocs[0]
        if _is_program(instruction):
            _check_name(instruction, first)
            folder = self._write({first.name: first.content}, "0755")
            mount = f"--mount=type=bind,from={_STAGE},source={folder},target={_PIPES}"
            flags, command = [*flags, mount], f"{_PIPES}/{first.name}"
        elif _is_script(instruction):
            command = first.content
        else:
            texts = (f"\n{doc.content}{doc.name}" for doc in instruction.heredocs)
            command = "".join([instruction.arguments, *texts])
        return self._json_run(flags, [*stage.shell, command])

    def _json_run(self, flags: Sequence[str], words: Sequence[str]) -> list[str]:
        text = json.dumps(words, ensure_ascii=False)
        if len(text) > _LINE:
            text = f"{self._escape}\n".join(_pieces(text))
        return [_line("RUN", flags, text)]

    def _copy(self, instruction: Instruction, flags: Sequence[str], stage: Stage) -> list[str]:
        *sources, target = SPACE.split(instruction.arguments)
        docs = {doc.written: doc for doc in instruction.heredocs}
        others = [source for source in sources if source not in docs]
        if len(sources) - len(others) != len(docs):
            raise InputError(
                f"line {instruction.line}: {instruction.word} {instruction.arguments}: the"
                " heredocs are not among what is copied",
                hint=f"write them like {instruction.word} <<EOF /target",
            )
        if len(sources) > 1 and not target.endswith("/"):
            raise InputError(
                f"line {instruction.line}: {instruction.word}: more than one file for {target}",
                hint=f"copy them into a folder: {target}/",
            )
        files = {}
        for doc in docs.values():
            _check_name(instruction, doc)
            files[doc.name] = _content(instruction, doc, stage)
        folder = self._write(files, "0644")
        paths = " ".join(f"{folder}/{name}" for name in files)
        own = [f"--from={_STAGE}", *(flag for flag in flags if flag.startswith(_OF_FILES))]
        lines = [_line("COPY", own, f"{paths} {target}")]
        if others:
            lines.insert(0, _line(instruction.word, flags, " ".join([*others, target])))
        return lines

    def _write(self, files: Mapping[str, str], mode: str) -> str:
        """Have files written; the folder in which they will be."""
        folder = f"{_PLACE}/{self._folders}"
        self._folders += 1
        self._files.append(f"WORKDIR {folder}")
        for name, content in files.items():
            for at in range(0, len(content) or 1, _PIECE):
                piece = content[at : at + _PIECE]
                self._files += self._json_run([], ["/bin/sh", "-c", _WRITE, mode, name, piece])
        return folder


def _line(word: str, flags: Sequence[str], rest: str) -> str:
    return " ".join([word, *map(written_flag, flags), rest])


def _pieces(text: str) -> list[str]:
    """JSON cut into lines that can be continued.

    None ends in an escape character, nor begins with what is left out: space, or a ``#``.
    """
    text = text.replace("\\\\", "\\u005c").replace("`", "\\u0060")
    pieces = []
    while len(text) > _LINE:
        at = _LINE - (text[_LINE - 1] == "\\")
        pieces.append(text[:at])
        start = text[at]
        start = f"\\u{ord(start):04x}" if start == "#" or start.isspace() else start
        text = start + text[at + 1 :]
    return [*pieces, text]


def _check_name(instruction: Instruction, doc: Heredoc) -> None:
    if not _NAME.fullmatch(doc.name):
        raise InputError(
            f"line {instruction.line}: the heredoc {doc.written} cannot be a file of that name",
            hint=f"name it by letters and digits, {_NEWER}",
        )


def _content(instruction: Instruction, doc: Heredoc, stage: Stage) -> str:
    if not doc.expand:
        return doc.content
    try:
        return expand(doc.content, stage.value, quotes=False)
    except WordError as error:
        raise InputError(
            f"line {instruction.line}: the heredoc {doc.written}: {error}",
            hint=f"quote it ({instruction.word} <<'{doc.name}') if nothing in it is to be filled"
            f" in, set the variable by ENV, {_NEWER}",
        ) from error
