"""All that changes between two lists, for the people who use the hub."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from stackyard.hub.compare import meaning
from stackyard.hub.compare.change import Change, Effect, Text, ordered
from stackyard.hub.compare.excerpt import excerpts
from stackyard.hub.compare.matching import matched, moved
from stackyard.hub.compare.options import option_changes
from stackyard.hub.compare.place import Place
from stackyard.hub.compare.seen import Profile, Seen, seen
from stackyard.hub.deployed.found import Kind


def changes(
    old: Iterable[Mapping[str, Any]],
    new: Iterable[Mapping[str, Any]],
    kind: Kind = "kubespawner",
) -> tuple[Change, ...]:
    """What users would see change; what they lose first.

    Args:
        old: a profile list as KubeSpawner takes it.
        new: the list that takes its place.
        kind: whose lists they are, for what a loss means to users.
    """
    before, after = seen(old), seen(new)
    return ordered(list(_changes(before, after, kind)))


def _changes(before: Seen, after: Seen, kind: Kind) -> Iterator[Change]:
    found = matched(before.profiles, after.profiles)
    for profile in found.gone:
        yield Place.of(profile).change(
            Effect.LOST,
            "profile-gone",
            Text("the profile is gone"),
            before=profile.name.text,
            consequence=meaning.gone_profile(kind),
        )
    for profile in found.added:
        yield Place.of(profile).change(
            Effect.ADDED, "profile-added", _offered(profile), after=profile.name.text
        )
    for old, new in found.pairs:
        yield from _profile(old, new, kind)
    partners = {new.key: old.key for old, new in found.pairs}
    yield from _default(before, after, partners)
    yield from _moves(before, after, partners)


def _profile(old: Profile, new: Profile, kind: Kind) -> Iterator[Change]:
    place = Place.of(new)
    if old.key != new.key:
        yield place.change(
            Effect.LOST,
            "profile-key",
            Text("looks the same, but has another slug: {} → {}", (old.key, new.key)),
            before=old.key,
            after=new.key,
            consequence=meaning.lost_choice(kind),
        )
    if old.name != new.name:
        yield place.change(
            Effect.CHANGED,
            "profile-renamed",
            _texts("renamed", old.name.text, new.name.text),
            before=old.name.text,
            after=new.name.text,
        )
    if old.description != new.description:
        yield place.change(
            Effect.CHANGED,
            "description",
            _texts("description", old.description.text, new.description.text),
            before=old.description.text,
            after=new.description.text,
        )
    for name in dict.fromkeys([*old.override, *new.override]):
        yield from place.setting(name, _given(old, name), _given(new, name))
    yield from option_changes(old, new, place)


def _given(profile: Profile, name: str) -> Any:
    """A profile's own setting; where it has none, that of what is preselected."""
    return profile.override[name] if name in profile.override else profile.setting(name)


def _texts(what: str, before: str, after: str) -> Text:
    if not before:
        return Text(f"{what} added: {{}}", (after,))
    if not after:
        return Text(f"{what} taken out: {{}}", (before,))
    if before == after:
        return Text(f"{what}: the HTML in it changed: {{}}", (after,))
    return Text(f"{what}: {{}} → {{}}", excerpts(before, after))


def _offered(profile: Profile) -> Text:
    choices = [c.name.text for option in profile.options.values() for c in option.choices.values()]
    if not choices:
        return Text("a new profile")
    few = choices[:5]
    more = f" and {len(choices) - 5} more" if len(choices) > 5 else ""
    return Text(f"a new profile, with {', '.join('{}' for _ in few)}{more}", tuple(few))


def _default(before: Seen, after: Seen, partners: Mapping[str, str]) -> Iterator[Change]:
    if after.default is None or before.default is None:
        return
    if partners.get(after.default) != before.default:
        old, new = before.profiles[before.default], after.profiles[after.default]
        yield Place.of(new).change(
            Effect.CHANGED,
            "default-profile",
            Text("is preselected now, and was not before: {} was", (old.name.text,)),
            before=old.key,
            after=new.key,
        )


def _moves(before: Seen, after: Seen, partners: Mapping[str, str]) -> Iterator[Change]:
    ours = {old: new for new, old in partners.items()}
    order = list(after.profiles)
    was = {key: place for place, key in enumerate(before.profiles, 1)}
    now = {key: place for place, key in enumerate(order)}
    for key in moved([key for key in before.profiles if key in ours], list(ours)):
        profile = after.profiles[ours[key]]
        place = now[profile.key]
        above = after.profiles[order[place - 1]].name.text if place else ""
        yield Place.of(profile).change(
            Effect.CHANGED,
            "profile-moved",
            Text("moved below {}", (above,)) if above else Text("moved to the top"),
            before=was[key],
            after=place + 1,
        )
