"""The images that a hub offers, as the list that KubeSpawner 7.0.0 takes.

Source of the format: https://jupyterhub-kubespawner.readthedocs.io/en/latest/spawner.html
(`profile_list`). One profile an image; its variants are choices of the option
`image`, the only one that the chart's pre-puller looks into.
"""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from stackyard.errors import InputError, Position
from stackyard.hub.names import check_slug, choice_key
from stackyard.hub.overrides import checked
from stackyard.stack.values import Profile, Stack

_OPTION = "image"
_OPTION_NAME = "Version"


@dataclass(frozen=True, slots=True)
class Published:
    """An image in one variant, as a cluster pulls it.

    Attributes:
        reference: such as ``ghcr.io/acme/hub/geo-ml:py311@sha256:…``.
    """

    image: str
    variant: str
    reference: str


@dataclass(frozen=True)
class _Offer:
    """An image with a profile: what each variant that has one says, default first."""

    image: str
    where: Position
    profiles: Mapping[str, Profile]
    references: Mapping[str, str]

    @property
    def profile(self) -> Profile:
        return next(iter(self.profiles.values()))

    @property
    def slug(self) -> str:
        return self.profile.slug or self.image


def profile_list(stack: Stack, published: Sequence[Published]) -> list[dict[str, Any]]:
    """One profile for each image that has one, in the order of the stack file.

    What all variants of an image say alike is in the profile, the rest in the choices.
    A profile's texts are those of the image's default variant.

    Raises:
        InputError: a profile's image or variant is not published; two defaults; equal
            slugs; or an override that KubeSpawner does not take.
    """
    references = {(entry.image, entry.variant): entry.reference for entry in published}
    offers = [
        offer for image in stack.image_variants if (offer := _offer(stack, image, references))
    ]
    _check_slugs(offers)
    default = _default(offers)
    return [_written(offer, offer is default) for offer in offers]


def _offer(stack: Stack, image: str, references: Mapping[tuple[str, str], str]) -> _Offer | None:
    variants = stack.image_variants[image]
    values = {variant: stack.variants[variant].images[image] for variant in variants}
    profiles = {variant: value.profile for variant, value in values.items() if value.profile}
    if not profiles:
        return None
    where = values[variants[0]].where
    if missing := [variant for variant in profiles if (image, variant) not in references]:
        raise InputError(
            f"image {image} has a profile, but is not published for {', '.join(missing)}",
            where=where,
            hint=f"Build and publish {image}, or take its profile out.",
        )
    return _Offer(image, where, profiles, {v: references[image, v] for v in profiles})


def _check_slugs(offers: Sequence[_Offer]) -> None:
    taken: dict[str, _Offer] = {}
    for offer in offers:
        other = taken.setdefault(check_slug(offer.slug, offer.where), offer)
        if other is not offer:
            raise InputError(
                f"the profiles of images {other.image} and {offer.image} "
                f"have the same slug {offer.slug!r}, and the hub would offer only the first",
                where=offer.where,
                hint="Give one of them another slug.",
            )


def _default(offers: Sequence[_Offer]) -> _Offer | None:
    marked = [offer for offer in offers if offer.profile.default]
    if len(marked) > 1:
        raise InputError(
            f"the profiles of images {marked[0].image} and {marked[1].image} "
            "are both marked as the default",
            where=marked[1].where,
            hint="Mark one.",
        )
    return next(iter(marked or offers), None)


def _written(offer: _Offer, default: bool) -> dict[str, Any]:
    overrides = {
        variant: checked(profile.kubespawner_override, offer.image, offer.where)
        for variant, profile in offer.profiles.items()
    }
    common = _common(list(overrides.values()))
    entry: dict[str, Any] = {
        "display_name": html.escape(offer.profile.display_name),
        "slug": offer.slug,
    }
    if offer.profile.description:
        entry["description"] = html.escape(offer.profile.description)
    if default:
        entry["default"] = True
    if len(offer.profiles) == 1:
        (reference,) = offer.references.values()
        return entry | {"kubespawner_override": common | {"image": reference}}
    if common:
        entry["kubespawner_override"] = common
    choices = _choices(offer, overrides, common)
    entry["profile_options"] = {_OPTION: {"display_name": _OPTION_NAME, "choices": choices}}
    return entry


def _choices(
    offer: _Offer, overrides: Mapping[str, dict[str, Any]], common: Mapping[str, Any]
) -> dict[str, Any]:
    choices = {}
    names = _choice_names(offer)
    for number, (variant, override) in enumerate(overrides.items()):
        own = {name: value for name, value in override.items() if name not in common}
        choices[choice_key(variant)] = {
            "display_name": html.escape(names[variant]),
            **({} if number else {"default": True}),
            "kubespawner_override": own | {"image": offer.references[variant]},
        }
    return choices


def _choice_names(offer: _Offer) -> dict[str, str]:
    """What the variants call the profile, where each has its own name; else theirs."""
    told = {variant: profile.display_name for variant, profile in offer.profiles.items()}
    return told if len(set(told.values())) == len(told) else {name: name for name in told}


def _common(overrides: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    first, *others = overrides
    return {
        name: value
        for name, value in first.items()
        if all(name in other and _same(other[name], value) for other in others)
    }


def _same(one: Any, other: Any) -> bool:
    return type(one) is type(other) and bool(one == other)
