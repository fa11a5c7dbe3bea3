"""What is in effect at each instruction of a Containerfile: the shell and the variables."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from stackyard.errors import InputError
from stackyard.oci.image import RuntimeConfig
from stackyard.stack.containerfile import Instruction, read_from
from stackyard.stack.shellwords import WordError, expand, split
from stackyard.stack.syntax import SPACE

_SHELL = ("/bin/sh", "-c")
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_SET_BY_ENGINES = frozenset(
    f"{of}{what}" for of in ("TARGET", "BUILD") for what in ("PLATFORM", "OS", "ARCH", "VARIANT")
)


@dataclass(slots=True)
class Stage:
    """A stage up to some instruction.

    Attributes:
        shell: what RUN runs commands with.
        env: variables of ENV and of what the stage stands on.
        args: variables of ARG; None where only the engine knows the value.
        whole: *env* has all that there are, which it has not on other images.
    """

    shell: tuple[str, ...] = _SHELL
    env: dict[str, str] = field(default_factory=dict)
    args: dict[str, str | None] = field(default_factory=dict)
    whole: bool = False

    def value(self, name: str) -> str | None:
        """The value of a variable, None when it is not set.

        Raises:
            WordError: that cannot be known here.
        """
        if name in self.env:
            return self.env[name]
        known = name in self.args or self.whole or not name.isidentifier()
        value = self.args.get(name)
        if not known or (value is None and name in self.args):
            raise WordError(f"the value of {name} is not known before the engine runs")
        return value


def stages(
    instructions: Sequence[Instruction],
    parent: RuntimeConfig,
    argument: str,
    args: Mapping[str, str],
    escape: str,
) -> Iterator[tuple[Instruction, Stage]]:
    """Each instruction with its stage, as far as it is before that instruction.

    Args:
        instructions: of the whole file.
        parent: the configuration of the image that *argument* stands for.
        argument: the build argument that says what the file's layer stands on.
        args: the values of build arguments.
        escape: the file's escape character.

    Raises:
        InputError: an instruction that sets a variable or the shell is wrong.
    """
    reader = _Stages(parent, argument, args, escape)
    for instruction in instructions:
        yield instruction, reader.now
        try:
            reader.after(instruction)
        except ValueError as error:
            raise InputError(
                f"line {instruction.line}: {instruction.word} {instruction.arguments}: {error}",
                hint="see https://docs.docker.com/reference/dockerfile/ for how it is written",
            ) from error


class _Stages:
    """Follows a file; *now* is the stage that it is in, or what is before the first."""

    def __init__(
        self, parent: RuntimeConfig, argument: str, args: Mapping[str, str], escape: str
    ) -> None:
        self._argument = argument
        self._args = args
        self._escape = escape
        self._named: dict[str, Stage] = {}
        self._parent = Stage(
            tuple(parent.shell or _SHELL), {"PATH": _PATH} | dict(parent.env), whole=True
        )
        self._top: dict[str, str | None] | None = None
        self.now = Stage(whole=True)

    def after(self, instruction: Instruction) -> None:
        match instruction.word:
            case "FROM":
                self._from(instruction)
            case "SHELL":
                self.now.shell = tuple(str(word) for word in json.loads(instruction.arguments))
            case "ENV":
                self.now.env |= self._variables(instruction.arguments)
            case "ARG":
                for word in split(instruction.arguments, self._escape):
                    name, given, default = word.partition("=")
                    self._declare(name, default if given else None)

    def _from(self, instruction: Instruction) -> None:
        if self._top is None:
            self._top = self.now.args
        stage = read_from(instruction)
        below = self._named.get(stage.image.lower())
        if below is None and stage.argument == self._argument:
            below = self._parent
        elif below is None and stage.image == "scratch":
            below = Stage(env={"PATH": _PATH}, whole=True)
        below = below or Stage()
        self.now = replace(below, env=dict(below.env), args=dict(below.args))
        if stage.name:
            self._named[stage.name] = self.now

    def _declare(self, name: str, default: str | None) -> None:
        if name == self._argument:
            self.now.args[name] = None
        elif name in self._args:
            self.now.args[name] = self._args[name]
        elif default is not None:
            self.now.args[name] = self._filled(default)
        elif name in (self._top or {}):
            self.now.args[name] = (self._top or {})[name]
        elif name in _SET_BY_ENGINES:
            self.now.args[name] = None

    def _variables(self, text: str) -> dict[str, str]:
        words = split(text, self._escape)
        if words and "=" not in words[0]:
            name, *value = SPACE.split(text, maxsplit=1)
            pairs = [(name, "".join(value))]
        else:
            pairs = [(name, value) for name, _, value in (word.partition("=") for word in words)]
        return {self._filled(name): self._filled(value) for name, value in pairs}

    def _filled(self, text: str) -> str:
        return expand(text, self.now.value, escape=self._escape)
