"""A profile: from what is written to the value, with the place of each of its keys."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from stackyard.errors import Position
from stackyard.stack.document import MappingNode, Node, ScalarNode, SequenceNode
from stackyard.stack.profilesource import (
    ChoiceSource,
    ProfileOptionSource,
    ProfileSource,
    UnlistedChoiceSource,
)
from stackyard.stack.values import Choice, Profile, ProfileOption, UnlistedChoice

_KEY = "profile_options"


def with_shared_options(image: Node, shared: Node | None) -> Node:
    """An image's node, with the options that all profiles have put into its profile.

    The image's own come where the shared ones stand, or after them; an empty one takes the
    shared one out.
    """
    profile = image.entries.get("profile") if isinstance(image, MappingNode) else None
    if not isinstance(image, MappingNode) or not isinstance(profile, MappingNode):
        return image
    own = profile.entries.get(_KEY)
    if shared is None or _is_empty(shared):
        return image
    if own is None or _is_empty(own):
        merged = shared
    elif isinstance(own, MappingNode) and isinstance(shared, MappingNode):
        entries, keys = {**shared.entries, **own.entries}, {**shared.keys, **own.keys}
        unwanted = {key for key in shared.entries if _is_empty(entries[key])}
        kept = {key: entry for key, entry in entries.items() if key not in unwanted}
        merged = MappingNode(own.where, kept, keys)
    else:
        return image  # what is no mapping is refused where it is read
    keys = {**profile.keys, _KEY: profile.keys.get(_KEY, profile.where)}
    profile = MappingNode(profile.where, {**profile.entries, _KEY: merged}, keys)
    return MappingNode(image.where, {**image.entries, "profile": profile}, image.keys)


def make_profile(source: ProfileSource | None, node: Node) -> Profile | None:
    """The profile's value.

    Args:
        source: what is written.
        node: the image's, of which the profile is a part.
    """
    if source is None:
        return None
    return Profile(
        display_name=source.display_name,
        description=source.description,
        default=source.default,
        slug=source.slug,
        kubespawner_override=source.kubespawner_override,
        profile_options={key: _option(option) for key, option in source.profile_options.items()},
        variants=source.variants,
        choice_name=source.choice_name,
        previous_versions=source.previous_versions,
        places=_places(node),
    )


def _option(source: ProfileOptionSource) -> ProfileOption:
    choices = {key: _choice(choice) for key, choice in source.choices.items()}
    return ProfileOption(source.display_name, choices, _unlisted(source.unlisted_choice))


def _choice(source: ChoiceSource) -> Choice:
    return Choice(source.display_name, source.default, source.kubespawner_override)


def _unlisted(source: UnlistedChoiceSource | None) -> UnlistedChoice | None:
    if source is None or not source.enabled:
        return None
    return UnlistedChoice(
        source.display_name,
        source.display_name_in_choices,
        source.validation_regex,
        source.validation_message,
        source.kubespawner_override,
    )


def _places(node: Node) -> Mapping[tuple[str, ...], Position]:
    if not isinstance(node, MappingNode) or "profile" not in node.entries:
        return {}
    return {(): node.keys["profile"], **dict(_below(node.entries["profile"], ()))}


def _below(node: Node, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Position]]:
    if isinstance(node, MappingNode):
        for key, value in node.entries.items():
            yield (*path, key), node.keys[key]
            yield from _below(value, (*path, key))
    elif isinstance(node, SequenceNode):
        for item in node.items:
            yield from _below(item, path)


def _is_empty(node: Node) -> bool:
    return isinstance(node, ScalarNode) and node.value is None
