"""A profile's options: what users choose beside an image, as `profile_options` takes it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from stackyard.errors import InputError
from stackyard.hub.names import IMAGE_OPTION
from stackyard.hub.overrides import VALUE, Spot, checked
from stackyard.hub.texts import looks, pattern, shown
from stackyard.stack.values import Choice, Profile, ProfileOption, UnlistedChoice

_TAKEN = frozenset({"profile"})
_UNLISTED = "unlisted-choice"


def further_options(image: str, profile: Profile) -> dict[str, Any]:
    """The options of a profile but that of its image's versions, in their order.

    Raises:
        InputError: an option without choices, two choices that look alike or are both the
            default, a key that the form uses itself, or an override that is refused.
    """
    return {
        key: _option(image, profile, key, option)
        for key, option in profile.profile_options.items()
        if key != IMAGE_OPTION
    }


def unlisted(image: str, profile: Profile) -> dict[str, Any]:
    """The option of the versions: its name and its unlisted choice, where there is one.

    Raises:
        InputError: choices, which are the versions; or an unlisted choice that is refused.
    """
    option = profile.profile_options.get(IMAGE_OPTION, ProfileOption())
    if option.choices:
        raise InputError(
            f"images.{image}.profile.profile_options.{IMAGE_OPTION} has choices, which are the "
            "image's versions",
            where=profile.place("profile_options", IMAGE_OPTION, "choices"),
            hint="give the option another key, or take its choices out",
        )
    made: dict[str, Any] = {}
    if option.display_name:
        made["display_name"] = shown(option.display_name)
    if option.unlisted_choice:
        made["unlisted_choice"] = _unlisted(image, profile, IMAGE_OPTION, option.unlisted_choice)
    return made


def _option(image: str, profile: Profile, key: str, option: ProfileOption) -> dict[str, Any]:
    path = ("profile_options", key)
    told, where = ".".join(("images", image, "profile", *path)), profile.place(*path)
    if key in _TAKEN:
        raise InputError(
            f"{told}: the spawn form uses the key {key!r} itself",
            where=where,
            hint="give the option another key",
        )
    if not option.display_name:
        raise InputError(f"{told}: the key 'display_name' is missing", where=where)
    if not option.choices and not option.unlisted_choice:
        raise InputError(
            f"{told}: there is nothing to choose",
            where=where,
            hint="give it choices, or an unlisted_choice",
        )
    _check_choices(told, profile, path, option)
    made: dict[str, Any] = {
        "display_name": shown(option.display_name),
        "choices": {
            name: _choice(image, profile, (*path, "choices", name), choice)
            for name, choice in option.choices.items()
        },
    }
    if option.unlisted_choice:
        made["unlisted_choice"] = _unlisted(image, profile, key, option.unlisted_choice)
    return made


def _check_choices(
    told: str, profile: Profile, path: tuple[str, ...], option: ProfileOption
) -> None:
    names: dict[str, str] = {}
    default = ""
    for key, choice in option.choices.items():
        where = profile.place(*path, "choices", key)
        if key == _UNLISTED:
            raise InputError(
                f"{told}: the spawn form uses the choice {key!r} itself",
                where=where,
                hint="give the choice another key",
            )
        other = names.setdefault(looks(choice.display_name), key)
        if other != key:
            raise InputError(
                f"{told}: the choices {other} and {key} are both shown as {choice.display_name!r}",
                where=where,
                hint="give each a name of its own",
            )
        if choice.default and default:
            raise InputError(
                f"{told}: the choices {default} and {key} are both marked as the default",
                where=profile.place(*path, "choices", key, "default"),
                hint="mark one",
            )
        default = key if choice.default else default


def _choice(image: str, profile: Profile, path: tuple[str, ...], choice: Choice) -> dict[str, Any]:
    spot = Spot(image, profile, path)
    return {
        "display_name": shown(choice.display_name),
        **({"default": True} if choice.default else {}),
        "kubespawner_override": checked(choice.kubespawner_override, spot, image=True),
    }


def _unlisted(image: str, profile: Profile, key: str, choice: UnlistedChoice) -> dict[str, Any]:
    path = ("profile_options", key, "unlisted_choice")
    spot = Spot(image, profile, path)
    override: Mapping[str, Any] = choice.kubespawner_override
    if not override and key == IMAGE_OPTION:
        override = {"image": VALUE}
    if VALUE not in str(override):
        raise InputError(
            f"{spot} does nothing with what users type",
            where=spot.where(),
            hint=f"put {VALUE} where the text belongs, in quotes",
        )
    made: dict[str, Any] = {"enabled": True, "display_name": shown(choice.display_name)}
    if choice.display_name_in_choices:
        made["display_name_in_choices"] = shown(choice.display_name_in_choices)
    if choice.validation_regex:
        where = profile.place(*path, "validation_regex")
        told = ".".join(("images", image, "profile", *path, "validation_regex"))
        made["validation_regex"] = pattern(choice.validation_regex, where, told)
    # The form shows None where it is missing.
    made["validation_message"] = shown(choice.validation_message)
    made["kubespawner_override"] = checked(override, spot, image=True, unlisted=True)
    return made
