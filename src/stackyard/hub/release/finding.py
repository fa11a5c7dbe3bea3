"""What is to be said of a HelmRelease."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from stackyard.errors import Position

Level = Literal["problem", "note"]
EDIT = "--edit does it"
"""What hints end with where the edit mends what was found."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing to know of a HelmRelease.

    Attributes:
        where: its place.
        message: what is there, and what it means.
        hint: what to do.
        level: a problem keeps the list from the hub; a note is to be looked at.
        mended: whether the edit does it.
    """

    where: Position
    message: str
    hint: str
    level: Level = "problem"
    mended: bool = False

    def __str__(self) -> str:
        return f"{self.where}: {self.level}: {self.message}\n  hint: {self.hint}"
