"""Which profiles there are: an image, or each variant of one, and what users can choose in it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from stackyard.errors import InputError, Position
from stackyard.hub.names import choice_key
from stackyard.hub.published import Earlier, Published
from stackyard.stack.values import Profile, Stack

_NEWEST = "Newest"


@dataclass(frozen=True, slots=True)
class Version:
    """One version of an image, as users choose it.

    Attributes:
        key: the choice's; that of what is newest stays when images are rebuilt.
        name: what users see, not escaped.
        variant: whose overrides it has.
    """

    key: str
    name: str
    variant: str
    reference: str


@dataclass(frozen=True)
class Subject:
    """What becomes one profile.

    Attributes:
        image: the image of the stack file.
        profiles: by variant, the image's default first: those that share the profile.
        published: the same, as they are in the registry.
        name: what users see, not escaped.
        slug: the same for as long as the image and its variants have their names.
        where: of the image's profile.
    """

    image: str
    profiles: Mapping[str, Profile]
    published: Mapping[str, Published]
    name: str
    slug: str
    where: Position

    @property
    def profile(self) -> Profile:
        """That of the default variant, which speaks for all."""
        return next(iter(self.profiles.values()))

    @cached_property
    def versions(self) -> tuple[Version, ...]:
        """What users can choose: the newest of each variant, then what was before."""
        names = _names(self)
        newest = [
            Version(choice_key(variant), names[variant], variant, entry.reference)
            for variant, entry in self.published.items()
        ]
        return (*newest, *_before(self, names))

    @property
    def has_choice(self) -> bool:
        """Whether versions are choices, also while there is but one."""
        profile = self.profile
        return len(self.versions) > 1 or bool(profile.previous_versions)


def subjects(stack: Stack, published: Sequence[Published]) -> list[Subject]:
    """The profiles in the order of the stack file.

    Raises:
        InputError: a profile's image or variant is not published.
    """
    known = {(entry.image, entry.variant): entry for entry in published}
    return [subject for image in stack.image_variants for subject in _of_image(stack, image, known)]


def _of_image(
    stack: Stack, image: str, known: Mapping[tuple[str, str], Published]
) -> Iterator[Subject]:
    images = {v: stack.variants[v].images[image] for v in stack.image_variants[image]}
    profiles = {variant: value.profile for variant, value in images.items() if value.profile}
    if not profiles:
        return
    first = next(iter(profiles.values()))
    where = first.place() or next(iter(images.values())).where
    if missing := [variant for variant in profiles if (image, variant) not in known]:
        raise InputError(
            f"image {image} has a profile, but is not published for {', '.join(missing)}",
            where=where,
            hint="run `stackyard push`, or take its profile out",
        )
    entries = {variant: known[image, variant] for variant in profiles}
    slug = first.slug or image
    if first.variants == "choices":
        yield Subject(image, profiles, entries, first.display_name, slug, where)
        return
    own_names = len({p.display_name for p in profiles.values()}) == len(profiles)
    own_slugs = len({p.slug for p in profiles.values()}) == len(profiles) > 1
    for variant, profile in profiles.items():
        yield Subject(
            image,
            {variant: profile},
            {variant: entries[variant]},
            profile.display_name
            if own_names and len(profiles) > 1
            else f"{profile.display_name} ({variant})",
            profile.slug if own_slugs and profile.slug else f"{slug}-{choice_key(variant)}",
            profile.place() or where,
        )


def _names(subject: Subject) -> dict[str, str]:
    """What a variant's choice is called: as told, or what tells the variants apart."""
    if any(profile.choice_name for profile in subject.profiles.values()):
        return {variant: p.choice_name or variant for variant, p in subject.profiles.items()}
    if len(subject.profiles) == 1:
        return dict.fromkeys(subject.profiles, _NEWEST)
    told = {variant: profile.display_name for variant, profile in subject.profiles.items()}
    return told if len(set(told.values())) == len(told) else {name: name for name in told}


def _before(subject: Subject, names: Mapping[str, str]) -> Iterator[Version]:
    for variant, entry in subject.published.items():
        days = Counter(_day(earlier) for earlier in entry.earlier)
        for earlier in entry.earlier:
            day = _day(earlier)
            name = day or earlier.tag
            if day and days[day] > 1:
                name = f"{day} ({earlier.tag.rpartition('-')[2]})"
            name = name if len(names) == 1 else f"{names[variant]}, {name}"
            yield Version(choice_key(earlier.tag), name, variant, earlier.reference)


def _day(earlier: Earlier) -> str:
    return earlier.published.date().isoformat() if earlier.published else ""
