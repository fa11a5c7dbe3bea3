"""Containerfiles for engines that know no heredocs: the same meaning without them.

That is buildah before 1.33 and BuildKit in docker before 23. Each instruction with a
heredoc becomes others on lines of their own; what they run is one argument in JSON.
https://docs.docker.com/reference/dockerfile/#here-documents
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from stackyard.errors import InputError
from stackyard.oci.image import RuntimeConfig
from stackyard.stack.containerfile import Heredoc, Instruction, parse

_SHELL = ("/bin/sh", "-c")
_LONGEST = 60_000  # these engines read lines of 64 KiB
_OWN = re.compile(r"--(chown|chmod)=(.+)")

# As the file that it is, where its first line says with what; $1 is the text.
_AS_FILE = (
    't=$(mktemp) && printf %s "$1" >"$t" && chmod 700 "$t" && { "$t"; c=$?; rm -f "$t"; exit $c; }'
)


@dataclass
class _Stage:
    """What is in effect at some line of a stage; no user when that cannot be known."""

    shell: Sequence[str]
    user: str | None


def without_heredocs(text: str, parent: RuntimeConfig, argument: str) -> str:
    """A Containerfile without heredocs.

    Args:
        text: one that may have some.
        parent: the configuration of what it stands on.
        argument: the build argument that says what it stands on.

    Raises:
        InputError: it has one that cannot be said otherwise.
    """
    instructions = parse(text)
    if not any(instruction.heredocs for instruction in instructions):
        return text
    lines = text.splitlines()
    out: list[str] = []
    done = 0
    for instruction, stage in _with_stages(instructions, parent, argument):
        if instruction.heredocs:
            out += lines[done : instruction.line - 1]
            out += _rewritten(instruction, stage)
            done = instruction.end
    return "\n".join([*out, *lines[done:], ""])


def _with_stages(
    instructions: Sequence[Instruction], parent: RuntimeConfig, argument: str
) -> Iterator[tuple[Instruction, _Stage]]:
    named: dict[str, _Stage] = {}
    now = _Stage(_SHELL, "")
    for instruction in instructions:
        words = instruction.arguments.split()
        match instruction.word:
            case "FROM":
                now = _start(words, named, parent, argument)
                if len(words) == 3:
                    named[words[2].lower()] = now
            case "SHELL":
                now.shell = json.loads(instruction.arguments)
            case "USER":
                now.user = instruction.arguments
        yield instruction, now


def _start(
    words: Sequence[str], named: dict[str, _Stage], parent: RuntimeConfig, argument: str
) -> _Stage:
    image = words[0].strip("\"'") if words else ""
    if image.lower() in named:
        below = named[image.lower()]
        return _Stage(below.shell, below.user)
    if re.match(rf"\$\{{?{re.escape(argument)}\b", image):
        return _Stage(parent.shell or _SHELL, parent.user)
    return _Stage(_SHELL, None)


def _rewritten(instruction: Instruction, stage: _Stage) -> list[str]:
    is_run = instruction.word == "RUN"
    lines = [_run(instruction, stage)] if is_run else _copy(instruction, stage)
    for line in lines:
        if len(line) > _LONGEST:
            raise InputError(
                f"line {instruction.line}: a heredoc of {len(line)} characters is too long for"
                " this engine",
                hint="put it into a file and COPY it, or install buildah 1.33 or docker 23",
            )
    return lines


def _run(instruction: Instruction, stage: _Stage) -> str:
    first = instruction.heredocs[0]
    alone = instruction.arguments.strip() == first.written
    if alone and first.content.startswith("#!"):
        words = ["/bin/sh", "-c", _AS_FILE, "sh", first.content]
    elif alone:
        words = [*stage.shell, first.content]
    else:
        texts = "".join(f"{doc.content}{doc.name}\n" for doc in instruction.heredocs)
        words = [*stage.shell, f"{instruction.arguments}\n{texts}"]
    return " ".join(["RUN", *instruction.flags, json.dumps(words)])


def _copy(instruction: Instruction, stage: _Stage) -> list[str]:
    """Other sources are copied as ever; the heredocs are written by a shell, as root."""
    words = instruction.arguments.split()
    marks = {doc.written for doc in instruction.heredocs}
    *sources, target = words
    others = [word for word in sources if word not in marks]
    lines: list[str] = []
    if others:
        lines.append(" ".join([instruction.word, *instruction.flags, *others, target]))
    as_root = stage.user not in (None, "", "0", "root", "0:0", "root:root")
    lines += ["USER 0:0"] if as_root else []
    parts = [_writing(doc, target, instruction.flags) for doc in instruction.heredocs]
    lines.append(f"RUN {json.dumps(['/bin/sh', '-c', chr(10).join(['set -eu', *parts])])}")
    lines += [f"USER {stage.user}"] if as_root else []
    return lines


def _writing(doc: Heredoc, target: str, flags: Sequence[str]) -> str:
    """Shell commands that write a file; in what is expanded only variables are."""
    owned = {found[1]: found[2] for flag in flags if (found := _OWN.fullmatch(flag))}
    place = f"to={_filled(target)}"
    if target.endswith("/"):
        place += f"{shlex.quote(doc.name)}"
    else:
        place += f'\n[ ! -d "$to" ] || to="$to/"{shlex.quote(doc.name)}'
    # A word that no line of the text is.
    end = doc.name + "_STACKYARD"
    while f"\n{end}\n" in f"\n{doc.content}":
        end += "_"
    mark = end if doc.expand else f"'{end}'"
    content = re.sub(r"`|\$(?=\()", r"\\\g<0>", doc.content) if doc.expand else doc.content
    lines = [
        place,
        'mkdir -p "$(dirname "$to")"',
        f'cat >"$to" <<{mark}\n{content}{end}',
        f'chmod {shlex.quote(owned.get("chmod", "0644"))} "$to"',
    ]
    if "chown" in owned:
        lines.append(f'chown {_filled(owned["chown"])} "$to"')
    return "\n".join(lines)


def _filled(word: str) -> str:
    """A word of an instruction for a shell, which fills in its variables and nothing else."""
    word = word.strip("\"'")
    return '"' + re.sub(r'[`"\\]|\$(?=\()', r"\\\g<0>", word) + '"'
