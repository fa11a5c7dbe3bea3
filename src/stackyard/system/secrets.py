"""Secrets: handed to steps as files, kept out of logs and layers."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from stackyard.errors import InputError

HIDDEN = "***"
_LONGEST = 1 << 20
_SHORTEST = 8
"""Bytes of a value that is looked for in layers; a shorter one is there by chance."""
_SHORTEST_LINE = 4
"""Characters of one line of a longer value that logs do not show: not each brace of JSON."""


@dataclass(frozen=True)
class Secrets:
    """Values by name, and what is done so that they stay secret."""

    values: Mapping[str, bytes] = field(default_factory=dict, repr=False)

    def write(self, folder: Path) -> dict[str, Path]:
        """Write each value to a file that only we can read.

        Raises:
            OSError: the disk is full or broken.
        """
        folder.mkdir(mode=0o700)
        paths: dict[str, Path] = {}
        for number, (name, value) in enumerate(sorted(self.values.items())):
            path = paths[name] = folder / str(number)
            path.touch(mode=0o600, exist_ok=False)
            path.write_bytes(value)
        return paths

    def only(self, names: tuple[str, ...]) -> Secrets:
        """Those of these names."""
        return Secrets({name: self.values[name] for name in names if name in self.values})

    def masked(self, text: str) -> str:
        """*text* with every value, and every line of a longer one, made unreadable."""
        for word in self._words:
            text = text.replace(word, HIDDEN)
        return text

    @cached_property
    def _words(self) -> tuple[str, ...]:
        found: set[str] = set()
        for value in self.values.values():
            text = value.decode("utf-8", "replace")
            lines = [line.strip() for line in re.split(r"[\r\n]+", text.strip())]
            found.update(line for line in lines if len(line) >= _SHORTEST_LINE or len(lines) == 1)
        return tuple(sorted(filter(None, found), key=len, reverse=True))

    @cached_property
    def _needles(self) -> tuple[tuple[str, bytes], ...]:
        stripped = ((name, value.strip()) for name, value in sorted(self.values.items()))
        return tuple((name, value) for name, value in stripped if len(value) >= _SHORTEST)

    def found_in(self, data: bytes) -> str | None:
        """The name of a secret whose value is in *data*."""
        return next((name for name, needle in self._needles if needle in data), None)

    def watched(self, pieces: Iterator[bytes], found: Callable[[str], None]) -> Iterator[bytes]:
        """*pieces* as they are; *found* is told the name of each secret that is in them."""
        if not self._needles:
            yield from pieces
            return
        overlap = max(len(needle) for _, needle in self._needles) - 1
        tail = b""
        for piece in pieces:
            if name := self.found_in(tail + piece):
                found(name)
            tail = (tail + piece)[-overlap:]
            yield piece


@dataclass(frozen=True, slots=True)
class SecretSource:
    """Where the value of a secret comes from: a file, or an environment variable."""

    file: Path | None = None
    variable: str = ""

    @classmethod
    def parse(cls, text: str) -> tuple[str, SecretSource]:
        """Read what ``docker build --secret`` takes: ``id=NAME,src=FILE`` or ``id=NAME,env=VAR``.

        Returns:
            The secret's name, and its source.

        Raises:
            InputError: it is something else.
        """
        parts = dict(part.partition("=")[::2] for part in text.split(","))
        name = parts.pop("id", "")
        kind = parts.pop("type", "file" if "env" not in parts else "env")
        file = parts.pop("src", "") or parts.pop("source", "")
        variable = parts.pop("env", "")
        if kind == "env" and not variable:
            file, variable = "", file
        if not name or parts or kind not in ("file", "env") or bool(file) == bool(variable):
            raise InputError(
                f"--secret {text} is not understood",
                hint="say id=NAME,src=FILE or id=NAME,env=VARIABLE",
            )
        return name, cls(Path(file) if file else None, variable)

    def read(self, name: str) -> bytes:
        """The value.

        Raises:
            InputError: it is not there, or is no small file.
        """
        if self.file is None:
            if self.variable not in os.environ:
                raise InputError(
                    f"the secret {name}: the environment has no variable {self.variable}",
                    hint=f"set it, or give --secret id={name},src=FILE",
                )
            return os.environb[os.fsencode(self.variable)]
        try:
            with self.file.open("rb") as file:
                value = file.read(_LONGEST + 1)
        except OSError as error:
            raise InputError(
                f"the secret {name}: {self.file}: {error.strerror or error}",
                hint=f"give --secret id={name},src=FILE",
            ) from error
        if len(value) > _LONGEST:
            raise InputError(f"the secret {name}: {self.file} has more than {_LONGEST} bytes")
        return value


def variable_of(name: str) -> str:
    """The environment variable that holds a secret unless something else is said."""
    return "STACKYARD_SECRET_" + re.sub(r"[^A-Za-z0-9]", "_", name).upper()


def read_secrets(needed: Mapping[str, str], given: Mapping[str, SecretSource]) -> Secrets:
    """The values of all secrets that steps need.

    Args:
        needed: their names, and for each who needs it (``layer grid``).
        given: where values come from, where that was said.

    Raises:
        InputError: one is missing, named with what to do.
    """
    values: dict[str, bytes] = {}
    for name, who in needed.items():
        variable = variable_of(name)
        if name not in given and variable not in os.environ:
            raise InputError(
                f"{who} needs the secret {name}, which is not given",
                hint=f"give --secret id={name},src=FILE, or set {variable}",
            )
        value = given.get(name, SecretSource(variable=variable)).read(name)
        if not value.strip():
            raise InputError(f"the secret {name}, which {who} needs, is empty")
        values[name] = value
    return Secrets(values)
