"""Collects what is wrong, so that one run reports all of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from stackyard.errors import InputError, Position

MOST_SHOWN = 50
LONGEST = 600


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong: where, what was found, and what to do."""

    where: Position
    message: str
    hint: str | None = None

    def __str__(self) -> str:
        text = f"{self.where}: {self.message}"
        return f"{text} ({self.hint})" if self.hint else text


@dataclass(slots=True)
class Problems:
    """All problems found so far, in the order found, each once.

    A problem found while rendering for a variant remembers the variant, and
    says so only when other variants do not have it.
    """

    found: dict[Problem, list[str]] = field(default_factory=dict)
    variant: str | None = None

    def add(self, where: Position, message: str, hint: str | None = None) -> None:
        """Remember one problem."""
        variants = self.found.setdefault(Problem(where, _printable(message), hint), [])
        if self.variant is not None and self.variant not in variants:
            variants.append(self.variant)

    @contextmanager
    def of_no_variant(self) -> Iterator[None]:
        """What is found here is the same for all variants."""
        variant, self.variant = self.variant, None
        try:
            yield
        finally:
            self.variant = variant

    def __len__(self) -> int:
        return len(self.found)

    def check(self, rendered: int = 0) -> None:
        """End here when anything is wrong.

        Args:
            rendered: how many variants were rendered; a problem of fewer of
                them names those that have it.

        Raises:
            InputError: one problem as it is, several as a list, one a line.
        """
        if not self.found:
            return
        told = [_in_variants(p, names, rendered) for p, names in self.found.items()]
        if len(told) == 1:
            [only] = told
            raise InputError(only.message, where=only.where, hint=only.hint)
        told.sort(key=lambda p: (p.where.file, p.where.line, p.where.column, p.message))
        lines = [f"  {problem}" for problem in told[:MOST_SHOWN]]
        if len(told) > MOST_SHOWN:
            lines.append(f"  … and {len(told) - MOST_SHOWN} more")
        raise InputError(f"the stack file has {len(told)} errors:\n" + "\n".join(lines))


def _printable(message: str) -> str:
    """Without control characters, which a file may hold and a terminal would obey."""
    if len(message) > LONGEST:
        message = message[: LONGEST - 1] + "…"
    if message.isprintable():
        return message
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in message)


def _in_variants(problem: Problem, variants: list[str], rendered: int) -> Problem:
    if not variants or len(variants) == rendered:
        return problem
    word = "variant" if len(variants) == 1 else "variants"
    return Problem(problem.where, f"{problem.message} [{word} {', '.join(variants)}]", problem.hint)
