"""What is right in a profile, but may not be what was meant."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from stackyard.errors import Position
from stackyard.hub.names import IMAGE_OPTION
from stackyard.hub.overrides import Spot, braced
from stackyard.hub.texts import surprise
from stackyard.hub.visible import visible
from stackyard.stack.values import Profile, Stack


@dataclass(frozen=True, slots=True)
class Remark:
    """Something that the administrator should know, with its place in the stack file."""

    where: Position | None
    message: str

    def __str__(self) -> str:
        return f"{self.where}: {self.message}" if self.where else self.message


def remarks(stack: Stack) -> list[Remark]:
    """What to tell of all profiles, each thing once."""
    found: list[Remark] = []
    for image, variants in stack.image_variants.items():
        offered = [stack.variants[variant].images[image].profile for variant in variants]
        profiles = [profile for profile in offered if profile]
        for profile in profiles:
            found += _of(image, profile)
        found += _of_first_only(image, profiles)
    return list(dict.fromkeys(found))


def _of_first_only(image: str, profiles: Sequence[Profile]) -> Iterator[Remark]:
    """What variants say differently, and a profile of them all can say only once."""
    if not profiles or profiles[0].variants != "choices":
        return
    first, *others = profiles
    for key in ("description", "profile_options"):
        if any(getattr(other, key) != getattr(first, key) for other in others):
            yield Remark(
                first.place(key),
                f"images.{image}.profile.{key} differs between variants, and that of the default "
                "one is for all; with `variants: profiles` each has its own",
            )


def _of(image: str, profile: Profile) -> Iterator[Remark]:
    for path, text in _texts(profile):
        if meant := surprise(text):
            told = ".".join(("images", image, "profile", *path))
            yield Remark(profile.place(*path), f"{told} has {meant} in it, which is shown as text")
    for path, override in _overrides(profile):
        spot = Spot(image, profile, path)
        for name in braced(override):
            yield Remark(
                spot.where("environment", name),
                f"{spot}.environment.{visible(name, 60)} has braces, which stay as they are; "
                "KubeSpawner's {username} and the like are not filled in",
            )
    option = profile.profile_options.get(IMAGE_OPTION)
    if option and option.unlisted_choice and not option.unlisted_choice.validation_regex:
        path = ("profile_options", IMAGE_OPTION, "unlisted_choice")
        told = ".".join(("images", image, "profile", *path))
        yield Remark(
            profile.place(*path),
            f"{told} has no validation_regex, so users can start any image at all",
        )


def _texts(profile: Profile) -> Iterator[tuple[tuple[str, ...], str]]:
    yield ("display_name",), profile.display_name
    yield ("description",), profile.description
    yield ("choice_name",), profile.choice_name
    for key, option in profile.profile_options.items():
        path: tuple[str, ...] = ("profile_options", key)
        yield (*path, "display_name"), option.display_name
        for name, choice in option.choices.items():
            yield (*path, "choices", name, "display_name"), choice.display_name
        if unlisted := option.unlisted_choice:
            path = (*path, "unlisted_choice")
            yield (*path, "display_name"), unlisted.display_name
            yield (*path, "display_name_in_choices"), unlisted.display_name_in_choices
            yield (*path, "validation_message"), unlisted.validation_message


def _overrides(profile: Profile) -> Iterator[tuple[tuple[str, ...], dict[str, object]]]:
    yield (), dict(profile.kubespawner_override)
    for key, option in profile.profile_options.items():
        path = ("profile_options", key)
        for name, choice in option.choices.items():
            yield (*path, "choices", name), dict(choice.kubespawner_override)
        if option.unlisted_choice:
            override = dict(option.unlisted_choice.kubespawner_override)
            yield (*path, "unlisted_choice"), override
