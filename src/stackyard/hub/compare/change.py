"""One change, in the words of what users see."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class Effect(StrEnum):
    """What a change does to users; in the order in which changes are told."""

    LOST = "lost"
    CHANGED = "changed"
    ADDED = "added"
    UNSEEN = "unseen"


@dataclass(frozen=True, slots=True)
class Text:
    """Words of ours with words of strangers in them.

    Attributes:
        words: ours; ``{}`` stands for each of theirs.
        parts: theirs, as they are to be seen, on one line.
    """

    words: str
    parts: tuple[str, ...] = ()

    def __str__(self) -> str:
        return self.words.format(*self.parts)


@dataclass(frozen=True, slots=True)
class Change:
    """One change.

    Attributes:
        effect: what it does to users.
        kind: a word for programs, such as ``profile-gone``.
        profile: the slug, that of the new list where both have the profile.
        names: what users call the place: the profile, then an option, then its choice.
        text: what changes there.
        option: the option's key, or None.
        choice: the choice's key, or None.
        before: what was, of JSON's types; values that look secret are left out.
        after: what will be.
        consequence: what it means for users who chose there, or empty.
    """

    effect: Effect
    kind: str
    profile: str
    names: tuple[str, ...]
    text: Text
    option: str | None = None
    choice: str | None = None
    before: Any = None
    after: Any = None
    consequence: str = ""


KINDS = (
    "profile-gone",
    "profile-key",
    "option-gone",
    "option-key",
    "choice-gone",
    "choice-key",
    "unlisted-gone",
    "default-profile",
    "profile-renamed",
    "option-renamed",
    "choice-renamed",
    "default-choice",
    "image",
    "setting",
    "environment",
    "unlisted-changed",
    "description",
    "profile-moved",
    "options-moved",
    "choices-moved",
    "profile-added",
    "option-added",
    "choice-added",
    "unlisted-added",
    "reference",
)
"""All kinds, those that users notice most first."""


def ordered(changes: list[Change]) -> tuple[Change, ...]:
    """What users lose first; within that, what they notice most."""
    effects = list(Effect)
    return tuple(sorted(changes, key=lambda c: (effects.index(c.effect), KINDS.index(c.kind))))
