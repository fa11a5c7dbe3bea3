"""What can go wrong, sorted by who can mend it.

Every error that reaches a user is one of these three; the command line turns
each into one message and one exit code. Anything else is a bug of ours.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Position:
    """A place in a file: 1-based line, 1-based column (0 when unknown)."""

    file: str
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        return f"{self.file}:{self.line}" if self.line else self.file


class StackyardError(Exception):
    """Base of all errors shown to users.

    Args:
        message: what was being done, and what was found.
        where: the place in the user's file that the message is about.
        hint: what to do next, as one sentence.
    """

    exit_code = 3

    def __init__(
        self, message: str, *, where: Position | None = None, hint: str | None = None
    ) -> None:
        super().__init__(message)
        self.message = message
        self.where = where
        self.hint = hint

    def __str__(self) -> str:
        text = f"{self.where}: {self.message}" if self.where else self.message
        return f"{text}\n  hint: {self.hint}" if self.hint else text


class ResultError(StackyardError):
    """The work was done and its result is a failure: a stale lock, a failed check."""

    exit_code = 1


class InputError(StackyardError):
    """The user's input is wrong: the stack file, an argument, a contradiction."""

    exit_code = 2


class OutsideError(StackyardError):
    """Something outside failed: network, index, registry, disk, a program."""

    exit_code = 3
