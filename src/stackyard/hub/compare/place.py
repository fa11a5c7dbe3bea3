"""Where in the list something changes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from stackyard.hub.compare.change import Change, Effect, Text
from stackyard.hub.compare.seen import Choice, Option, Profile
from stackyard.hub.compare.settings import setting_change
from stackyard.hub.visible import visible


@dataclass(frozen=True, slots=True)
class Place:
    """A profile, or an option of it, or a choice of that. The attributes are a `Change`'s."""

    profile: str
    names: tuple[str, ...]
    option: str | None = None
    choice: str | None = None

    @classmethod
    def of(cls, profile: Profile) -> Place:
        """The profile."""
        return cls(visible(profile.key), (visible(profile.name.text),))

    def at(self, part: Option | Choice) -> Place:
        """An option of the profile, or a choice of the option."""
        names, key = (*self.names, visible(part.name.text)), visible(part.key)
        if isinstance(part, Option):
            return replace(self, names=names, option=key)
        return replace(self, names=names, choice=key)

    def change(
        self,
        effect: Effect,
        kind: str,
        text: Text,
        *,
        before: Any = None,
        after: Any = None,
        consequence: str = "",
    ) -> Change:
        """A change here."""
        shown = Text(text.words, tuple(visible(part, 300) for part in text.parts))
        return Change(
            effect,
            kind,
            self.profile,
            self.names,
            shown,
            self.option,
            self.choice,
            before,
            after,
            consequence,
        )

    def setting(self, name: str, before: Any, after: Any) -> Iterator[Change]:
        """The changes of a setting here."""
        for found in setting_change(name, before, after):
            yield self.change(
                found.effect, found.kind, found.text, before=found.before, after=found.after
            )
