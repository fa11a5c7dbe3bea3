"""What a Containerfile's last stage stands on."""

from __future__ import annotations

import re
from dataclasses import dataclass

from stackyard.stack.shellwords import WordError, split
from stackyard.stack.syntax import (
    SPACE,
    ContainerfileError,
    Heredoc,
    Instruction,
    escape_of,
    parse,
)

__all__ = [
    "ContainerfileError",
    "From",
    "Heredoc",
    "Instruction",
    "escape_of",
    "parent_argument",
    "parse",
    "read_from",
]

_ARGUMENT = re.compile(r"(\"?)\$(?:([A-Za-z_]\w*)|\{([A-Za-z_]\w*)(?::?-[^{}\"]*)?\})\1")
_HINT = "write `ARG BASE_IMAGE` first, and `FROM $BASE_IMAGE` for the last stage"


@dataclass(frozen=True, slots=True)
class From:
    """What a FROM says.

    Attributes:
        image: what it stands on, as written.
        argument: the build argument that *image* is, if it is just one; else empty.
        name: of the stage, in small letters; empty when it has none.
    """

    image: str
    argument: str
    name: str


def read_from(instruction: Instruction) -> From:
    """The parts of a FROM.

    Raises:
        ContainerfileError: it is not ``FROM IMAGE`` or ``FROM IMAGE AS NAME``.
    """
    words = SPACE.split(instruction.arguments)
    match [word.lower() for word in words]:
        case [image] if image:
            name = ""
        case [_, "as", name]:
            pass
        case _:
            raise ContainerfileError(
                f"FROM {instruction.arguments}: not one image, and perhaps AS and a name",
                _HINT,
                instruction.line,
            )
    argument = _ARGUMENT.fullmatch(words[0])
    return From(words[0], (argument[2] or argument[3]) if argument else "", name)


def parent_argument(text: str) -> str:
    """The build argument that the last stage is ``FROM``, through other stages perhaps.

    Raises:
        ContainerfileError: it stands on something else than what such an argument says,
            or `parse` cannot read it.
    """
    declared: set[str] = set()
    ground: dict[str, tuple[From, int]] = {}
    last: tuple[From, int] | None = None
    for instruction in parse(text):
        if instruction.word == "FROM":
            stage = read_from(instruction)
            # A stage stands on those before it: a later one of that name is an image.
            last = ground.get(stage.image.lower(), (stage, instruction.line))
            if stage.name:
                ground[stage.name] = last
        elif last is None:
            declared |= _declared(instruction)
    if last is None:
        raise ContainerfileError("it has no FROM", _HINT)
    return _checked(*last, declared)


def _declared(instruction: Instruction) -> set[str]:
    """The arguments that an instruction before the first FROM declares."""
    if instruction.word != "ARG":
        message = f"{instruction.word} stands before the first FROM"
        raise ContainerfileError(message, _HINT, instruction.line)
    try:
        return {word.partition("=")[0] for word in split(instruction.arguments)}
    except WordError as error:
        message = f"ARG {instruction.arguments}: {error}"
        raise ContainerfileError(message, None, instruction.line) from error


def _checked(stage: From, line: int, declared: set[str]) -> str:
    if not stage.argument:
        message = f"its last stage is FROM {stage.image}, not what the layer stands on"
        raise ContainerfileError(message, _HINT, line)
    if stage.argument not in declared:
        raise ContainerfileError(
            f"FROM {stage.image}: no ARG before the first FROM declares {stage.argument}",
            f"write `ARG {stage.argument}` first",
            line,
        )
    return stage.argument
