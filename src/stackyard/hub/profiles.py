"""The images that a hub offers, as the list that KubeSpawner 7.0.0 takes.

Source of the format: https://jupyterhub-kubespawner.readthedocs.io/en/latest/spawner.html
(`profile_list`). An image's versions are choices of the option `image`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from stackyard.errors import InputError, Position
from stackyard.hub.names import IMAGE_OPTION, check_slug, is_label, puller_names
from stackyard.hub.offer import Subject, subjects
from stackyard.hub.options import further_options, unlisted
from stackyard.hub.overrides import Spot, checked
from stackyard.hub.published import Published
from stackyard.hub.texts import looks, shown
from stackyard.hub.wrong import noted
from stackyard.stack.problems import Problems
from stackyard.stack.values import Stack

_OPTION_NAME = "Version"
_SHOWN = 80  # characters of a name in a message


@dataclass(frozen=True)
class Offer:
    """One profile of the list.

    Attributes:
        profile: KubeSpawner's own mapping, of JSON's types.
        image: the image of the stack file.
        where: of the image's profile in the stack file.
    """

    profile: Mapping[str, Any]
    image: str
    where: Position


def profile_list(stack: Stack, published: Sequence[Published]) -> list[dict[str, Any]]:
    """The list as KubeSpawner takes it.

    Raises:
        InputError: as `offers`.
    """
    return [dict(offer.profile) for offer in offers(stack, published)]


def offers(stack: Stack, published: Sequence[Published]) -> tuple[Offer, ...]:
    """The profiles of all images that have one, in the order of the stack file.

    What all variants of an image say alike is in the profile, the rest in the choices.
    A profile's texts are those of the image's default variant.

    Raises:
        InputError: a profile's image or variant is not published; two defaults; equal
            slugs or names; a name that the chart's pre-pullers cannot take; or what
            KubeSpawner would not take. The error has the place in the stack file; of several
            it tells all.
    """
    found = subjects(stack, published)
    problems = Problems()
    _check_names(found, problems)
    default = _default(found)
    made = []
    for subject in found:
        with noted(problems, subject.where):
            written = _written(subject, subject is default)
            made.append(Offer(written, subject.image, subject.where))
    problems.check()
    _check_pullers(made, found)
    return tuple(made)


def check(stack: Stack) -> None:
    """Find what is wrong with the profiles before anything is built or published.

    Raises:
        InputError: as `offers`, but for what is not published.
    """
    offers(stack, [Published(t.image, t.variant, "unpublished") for t in stack.targets])


def _check_names(found: Sequence[Subject], problems: Problems) -> None:
    slugs: dict[str, Subject] = {}
    names: dict[str, Subject] = {}
    for subject in found:
        with noted(problems, subject.where):
            _check_slug(subject, slugs)
        with noted(problems, subject.where):
            _check_name(subject, names)


def _check_slug(subject: Subject, known: dict[str, Subject]) -> None:
    where = subject.profile.place("slug") or subject.where
    other = known.setdefault(check_slug(subject.slug, where), subject)
    if other is not subject:
        raise InputError(
            f"the profiles of images {other.image} and {subject.image} "
            f"have the same slug {subject.slug!r}, and the hub would offer only the first",
            where=where,
            hint="give one of them another slug",
        )


def _check_name(subject: Subject, known: dict[str, Subject]) -> None:
    where = subject.profile.place("display_name") or subject.where
    name = looks(subject.name)
    if not name:
        raise InputError(
            f"the profile of image {subject.image} is called {subject.name!r}, of which nothing "
            "can be seen",
            where=where,
            hint="give it a display_name that users can read",
        )
    other = known.setdefault(name, subject)
    if other is not subject:
        raise InputError(
            f"the profiles of images {other.image} and {subject.image} are both shown as "
            f"{name[:_SHOWN]!r}, so that users cannot tell them apart",
            where=where,
            hint=f"give one of them another display_name; the other is in {other.where}",
        )


def _default(found: Sequence[Subject]) -> Subject | None:
    marked: dict[str, Subject] = {}
    for subject in found:
        if any(profile.default for profile in subject.profiles.values()):
            marked.setdefault(subject.image, subject)
    if len(marked) > 1:
        first, second, *_ = marked.values()
        raise InputError(
            f"the profiles of images {first.image} and {second.image} "
            "are both marked as the default",
            where=second.profile.place("default") or second.where,
            hint="mark one",
        )
    return next(iter([*marked.values(), *found]), None)


def _check_pullers(made: Sequence[Offer], found: Sequence[Subject]) -> None:
    for index, option, choice, name in puller_names([offer.profile for offer in made]):
        if not is_label(name):
            raise InputError(
                f"images.{made[index].image}.profile: the chart's pre-puller would call a "
                f"container {name!r}, which has {len(name)} characters; at most 63 lower-case "
                "letters, digits and - are taken",
                where=found[index].profile.place("profile_options", option, "choices", choice)
                or made[index].where,
                hint="shorten the keys of the option and of its choice",
            )


def _written(subject: Subject, default: bool) -> dict[str, Any]:
    overrides = {
        variant: checked(profile.kubespawner_override, Spot(subject.image, profile))
        for variant, profile in subject.profiles.items()
    }
    common = _common(list(overrides.values()))
    entry: dict[str, Any] = {"display_name": shown(subject.name), "slug": subject.slug}
    if subject.profile.description:
        entry["description"] = shown(subject.profile.description)
    if default:
        entry["default"] = True
    options = _options(subject, overrides, common)
    if IMAGE_OPTION not in options:
        (version,) = subject.versions
        common |= {"image": version.reference}
    if common:
        entry["kubespawner_override"] = common
    return entry | ({"profile_options": options} if options else {})


def _options(
    subject: Subject, overrides: Mapping[str, dict[str, Any]], common: Mapping[str, Any]
) -> dict[str, Any]:
    """The versions first: what further options set is set over what a version sets."""
    further = further_options(subject.image, subject.profile)
    told = unlisted(subject.image, subject.profile)
    if not subject.has_choice and "unlisted_choice" not in told:
        return further
    choices = _choices(subject, overrides, common)
    return {IMAGE_OPTION: {"display_name": _OPTION_NAME, "choices": choices} | told, **further}


def _choices(
    subject: Subject, overrides: Mapping[str, dict[str, Any]], common: Mapping[str, Any]
) -> dict[str, Any]:
    choices: dict[str, Any] = {}
    names: set[str] = set()
    for version in subject.versions:
        own = {
            name: value for name, value in overrides[version.variant].items() if name not in common
        }
        name = looks(version.name)
        if name in names or version.key in choices:
            raise InputError(
                f"image {subject.image}: two of its versions are shown as {name[:_SHOWN]!r}",
                where=subject.profile.place("choice_name") or subject.where,
                hint="give each variant a choice_name of its own",
            )
        names.add(name)
        choices[version.key] = {
            "display_name": shown(version.name),
            **({} if choices else {"default": True}),
            "kubespawner_override": own | {"image": version.reference},
        }
    return choices


def _common(overrides: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    first, *others = overrides
    return {
        name: value
        for name, value in first.items()
        if all(name in other and _same(other[name], value) for other in others)
    }


def _same(one: Any, other: Any) -> bool:
    return type(one) is type(other) and bool(one == other)
