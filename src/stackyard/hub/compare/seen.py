"""A profile list as users see it: what KubeSpawner fills in is filled in."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from stackyard.hub.deployed.slugs import slug_of
from stackyard.hub.visible import visible

UNSET = object()
"""What an override says of a setting that it does not have."""

_TAG = re.compile(r"<[A-Za-z/!][^<>]*>")


@dataclass(frozen=True, slots=True)
class Shown:
    """A text that the form shows as HTML.

    Attributes:
        text: what people read.
        tags: the HTML in it.
    """

    text: str
    tags: tuple[str, ...] = ()

    @classmethod
    def of(cls, written: Any, instead: str = "") -> Shown:
        """The text as it is written in the list, or what is shown in its place."""
        source = "" if written is None else " ".join(str(written).split())
        return cls(visible(html.unescape(source) or instead, None), tuple(_TAG.findall(source)))


@dataclass(frozen=True)
class Choice:
    """One choice of an option."""

    key: str
    name: Shown
    override: Mapping[str, Any]


@dataclass(frozen=True)
class Option:
    """One option of a profile.

    Attributes:
        default: the key of the choice that is preselected; None without choices.
        unlisted: KubeSpawner's mapping where users may type, else None.
    """

    key: str
    name: Shown
    choices: Mapping[str, Choice]
    default: str | None
    unlisted: Mapping[str, Any] | None


@dataclass(frozen=True)
class Profile:
    """One profile."""

    key: str
    name: Shown
    description: Shown
    override: Mapping[str, Any]
    options: Mapping[str, Option]

    def setting(self, name: str) -> Any:
        """What users get who choose nothing, or `UNSET`: a choice's value before the profile's."""
        given = self.override.get(name, UNSET)
        for option in self.options.values():
            if option.default is not None:
                given = option.choices[option.default].override.get(name, given)
        return given


@dataclass(frozen=True)
class Seen:
    """The list: profiles by slug; of equal slugs the hub takes the first."""

    profiles: Mapping[str, Profile]
    default: str | None


def seen(profiles: Iterable[Mapping[str, Any]]) -> Seen:
    """The list as KubeSpawner completes it."""
    made: dict[str, Profile] = {}
    default = None
    for written in profiles:
        profile = _profile(written)
        made.setdefault(profile.key, profile)
        if default is None and written.get("default"):
            default = profile.key
    return Seen(made, default if default is not None else next(iter(made), None))


def _profile(written: Mapping[str, Any]) -> Profile:
    name = str(written.get("display_name") or "")
    slug = str(written["slug"]) if written.get("slug") is not None else slug_of(name)
    return Profile(
        slug,
        Shown.of(name, slug),
        Shown.of(written.get("description")),
        _mapping(written.get("kubespawner_override")),
        {
            str(key): _option(str(key), _mapping(told))
            for key, told in _mapping(written.get("profile_options")).items()
        },
    )


def _option(key: str, written: Mapping[str, Any]) -> Option:
    told = {str(k): _mapping(v) for k, v in _mapping(written.get("choices")).items()}
    choices = {
        k: Choice(k, Shown.of(v.get("display_name"), k), _mapping(v.get("kubespawner_override")))
        for k, v in told.items()
    }
    default = next((k for k, v in told.items() if v.get("default")), next(iter(told), None))
    unlisted = _mapping(written.get("unlisted_choice"))
    return Option(
        key,
        Shown.of(written.get("display_name"), key),
        choices,
        default,
        unlisted if unlisted.get("enabled") else None,
    )


def _mapping(written: Any) -> Mapping[str, Any]:
    return written if isinstance(written, Mapping) else {}
