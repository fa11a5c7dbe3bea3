"""What changes in a profile's options: what users choose beside the profile."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from stackyard.hub.compare import meaning
from stackyard.hub.compare.change import Change, Effect, Text
from stackyard.hub.compare.excerpt import excerpts
from stackyard.hub.compare.matching import Matched, matched, moved
from stackyard.hub.compare.place import Place
from stackyard.hub.compare.secrets import masked, printed
from stackyard.hub.compare.seen import UNSET, Choice, Option, Profile, Shown

_TYPED = (
    ("display_name", "name of the field"),
    ("display_name_in_choices", "name among the choices"),
    ("validation_regex", "what they may type"),
    ("validation_message", "message for what they may not type"),
)


def option_changes(old: Profile, new: Profile, place: Place) -> Iterator[Change]:
    """What changes in the options of a profile.

    Args:
        old: the profile.
        new: the same, later.
        place: where it is.
    """
    found = matched(old.options, new.options)
    for option in found.gone:
        yield place.at(option).change(
            Effect.LOST,
            "option-gone",
            _listed("users no longer choose this", option),
            before=[choice.name.text for choice in option.choices.values()],
        )
    for option in found.added:
        yield place.at(option).change(
            Effect.ADDED,
            "option-added",
            _listed("users can choose this now", option),
            after=[choice.name.text for choice in option.choices.values()],
        )
    for before, after in found.pairs:
        yield from _option(before, after, place.at(after))
    if _order_changed(found, old.options):
        yield place.change(Effect.CHANGED, "options-moved", Text("options are in another order"))


def _listed(words: str, option: Option) -> Text:
    names = [choice.name.text for choice in option.choices.values()]
    few = names[:5]
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""
    told = f": {', '.join('{}' for _ in few)}{more}" if few else ""
    return Text(words + told, tuple(few))


def _option(old: Option, new: Option, place: Place) -> Iterator[Change]:
    if old.key != new.key:
        yield _key(place, "option-key", old.key, new.key)
    if old.name != new.name:
        yield _renamed(place, "option-renamed", old.name, new.name)
    found = matched(old.choices, new.choices)
    for choice in found.gone:
        yield place.at(choice).change(
            Effect.LOST,
            "choice-gone",
            Text("the choice is gone"),
            before=choice.name.text,
            consequence=meaning.gone_choice(),
        )
    for choice in found.added:
        yield place.at(choice).change(
            Effect.ADDED, "choice-added", _new_choice(choice), after=choice.name.text
        )
    for before, after in found.pairs:
        yield from _choice(before, after, place.at(after))
    yield from _default(old, new, found, place)
    if _order_changed(found, old.choices):
        yield place.change(Effect.CHANGED, "choices-moved", Text("choices are in another order"))
    yield from _unlisted(old.unlisted, new.unlisted, place)


def _choice(old: Choice, new: Choice, place: Place) -> Iterator[Change]:
    if old.key != new.key:
        yield _key(place, "choice-key", old.key, new.key)
    if old.name != new.name:
        yield _renamed(place, "choice-renamed", old.name, new.name)
    for name in dict.fromkeys([*old.override, *new.override]):
        before, after = (each.override.get(name, UNSET) for each in (old, new))
        yield from place.setting(name, before, after)


def _new_choice(choice: Choice) -> Text:
    image = choice.override.get("image")
    if not isinstance(image, str):
        return Text("a new choice")
    return Text("a new choice: {}", (image.partition("@")[0],))


def _key(place: Place, kind: str, old: str, new: str) -> Change:
    return place.change(
        Effect.LOST,
        kind,
        Text("looks the same, but has another key: {} → {}", (old, new)),
        before=old,
        after=new,
        consequence=meaning.gone_choice(),
    )


def _renamed(place: Place, kind: str, old: Shown, new: Shown) -> Change:
    words = "renamed: {} → {}" if old.text != new.text else "the HTML in its name changed: {1}"
    return place.change(
        Effect.CHANGED,
        kind,
        Text(words, excerpts(old.text, new.text)),
        before=old.text,
        after=new.text,
    )


def _default(old: Option, new: Option, found: Matched[Choice], place: Place) -> Iterator[Change]:
    if old.default is None or new.default is None:
        return
    partners = {after.key: before.key for before, after in found.pairs}
    if partners.get(new.default) != old.default:
        before, after = old.choices[old.default], new.choices[new.default]
        yield place.change(
            Effect.CHANGED,
            "default-choice",
            Text("preselected: {} → {}", (before.name.text, after.name.text)),
            before=before.key,
            after=after.key,
        )


def _order_changed(
    found: Matched[Option] | Matched[Choice], old: Mapping[str, Option] | Mapping[str, Choice]
) -> bool:
    partners = dict.fromkeys(before.key for before, _ in found.pairs)
    return bool(moved([key for key in old if key in partners], list(partners)))


def _unlisted(
    old: Mapping[str, Any] | None, new: Mapping[str, Any] | None, place: Place
) -> Iterator[Change]:
    if old is not None and new is None:
        text = Text("users can no longer type something else")
        yield place.change(Effect.LOST, "unlisted-gone", text)
    elif old is None and new is not None:
        text = Text("users can type something else now")
        yield place.change(Effect.ADDED, "unlisted-added", text)
    elif old is not None and new is not None:
        for key, words in _TYPED:
            before, after = (Shown.of(each.get(key)).text for each in (old, new))
            if before != after:
                shown = excerpts(before or "nothing", after or "nothing")
                text = Text(f"{words}: {{}} → {{}}", shown)
                yield place.change(
                    Effect.CHANGED, "unlisted-changed", text, before=before, after=after
                )
        one, other = (each.get("kubespawner_override") for each in (old, new))
        if one != other:
            yield place.change(
                Effect.CHANGED,
                "unlisted-changed",
                Text(
                    "what is done with what they type: {} → {}",
                    excerpts(printed(one), printed(other)),
                ),
                before=masked(one),
                after=masked(other),
            )
