"""A `kubespawner_override`, checked, and written as KubeSpawner reads it."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from stackyard.errors import InputError, Position
from stackyard.hub.traits import TRAITS, fits
from stackyard.hub.visible import visible
from stackyard.oci.reference import Reference
from stackyard.stack.suggest import did_you_mean
from stackyard.stack.values import Profile

VALUE = "{value}"
"""What stands for a user's text in the override of an unlisted choice."""
_BRACE = re.compile(r"[{}]")
_WORDS = {
    "bytes": "a number of bytes, or text such as 8G (K, M, G or T, without i)",
    "number": "a number, without quotes",
    "integer": "a whole number, without quotes",
    "boolean": "true or false",
    "fraction": "a number from 0 to 1",
    "scheme": "safe or escape",
    "texts": "a list of texts",
    "texts or text": "a text, or a list of texts",
}
_OF_TEXT = (
    "common_labels",
    "environment",
    "extra_annotations",
    "extra_labels",
    "node_selector",
    "storage_extra_annotations",
    "storage_extra_labels",
)
"""Mappings whose values Kubernetes takes only as text; null takes one out."""


@dataclass(frozen=True)
class Spot:
    """Where in a profile an override stands.

    Attributes:
        image: whose profile it is.
        profile: the profile, which knows the places of its keys.
        path: the keys that lead to the override.
    """

    image: str
    profile: Profile
    path: tuple[str, ...] = ()

    def where(self, *keys: str) -> Position | None:
        """The place of a key in the override."""
        return self.profile.place(*self.path, "kubespawner_override", *keys)

    def __str__(self) -> str:
        return ".".join(("images", self.image, "profile", *self.path, "kubespawner_override"))


def checked(
    override: Mapping[str, Any], spot: Spot, *, image: bool = False, unlisted: bool = False
) -> dict[str, Any]:
    """The override, if KubeSpawner will take it; braces in `environment` are doubled.

    KubeSpawner sets a name that it does not know as an attribute without a word, and
    finds a value of a wrong type only when a user spawns. It expands environment values
    as format strings, so a brace of the user's must be doubled.

    Args:
        override: as in the stack file.
        spot: where it stands.
        image: whether it may set the image.
        unlisted: whether it is an unlisted choice's, all of whose text KubeSpawner expands.

    Raises:
        InputError: an unknown trait, or a value that the trait does not take.
    """
    if "image" in override and not image:
        raise InputError(
            f"{spot} sets image, which is what the profile offers",
            where=spot.where("image"),
            hint="leave it out: the published reference is put there",
        )
    written = {name: _checked(name, given, spot) for name, given in override.items()}
    for name in _OF_TEXT:
        _check_texts(name, written.get(name, {}), spot)
    if unlisted:
        return {name: _formatted(name, value) for name, value in written.items()}
    if "environment" in written:
        written["environment"] = _texts(written["environment"], _doubled)
    return written


def braced(override: Mapping[str, Any]) -> list[str]:
    """The environment variables of an override whose values have braces."""
    environment = override.get("environment")
    if not isinstance(environment, Mapping):
        return []
    return [
        str(name)
        for name, value in environment.items()
        if any(_BRACE.search(text.replace(VALUE, "")) for text in _strings(value))
    ]


def _checked(name: Any, given: Any, spot: Spot) -> Any:
    where = spot.where(str(name))
    if name not in TRAITS:
        raise InputError(
            f"{spot} has {name!r}, which KubeSpawner does not know",
            where=where,
            hint=did_you_mean(str(name), TRAITS),
        )
    value = _plain(given, f"{spot}.{name}", where)
    if not fits(TRAITS[name], value):
        kind = TRAITS[name].rstrip("?")
        raise InputError(
            f"{spot}.{name} is {value!r}, and KubeSpawner takes {_WORDS.get(kind, kind)}",
            where=where,
        )
    if name == "image":
        _check_image(value, f"{spot}.{name}", where)
    return value


def _check_image(value: str, what: str, where: Position | None) -> None:
    """Refuse what no cluster can pull; what users type stands for a part of a name."""
    try:
        Reference.parse(value.replace(VALUE, "x"))
    except InputError as error:
        hint = visible(error.hint) if error.hint else None
        raise InputError(f"{what}: {error.message}", where=where, hint=hint) from None


def _check_texts(name: str, mapping: Mapping[str, Any], spot: Spot) -> None:
    for key, value in mapping.items():
        # An environment variable may be Kubernetes' own mapping, such as a valueFrom.
        fitting = str | dict if name == "environment" else str
        if value is not None and not isinstance(value, fitting):
            raise InputError(
                f"{spot}.{name}: {key} is {value!r}, and must be text",
                where=spot.where(name, key),
                hint="put the value in quotes",
            )
        if "\0" in "".join(_strings(value)):
            raise InputError(
                f"{spot}.{name}: {visible(key)} has a NUL, which Kubernetes does not take",
                where=spot.where(name, key),
                hint="take it out",
            )


def _doubled(text: str) -> str:
    return text.replace("{", "{{").replace("}", "}}")


def _formatted(name: str, value: Any) -> Any:
    """A trait of an unlisted choice, of which KubeSpawner fills in the user's text first."""
    times = 2 if name == "environment" else 1  # once more, as any environment

    def change(text: str) -> str:
        parts = text.split(VALUE)
        for _ in range(times):
            parts = list(map(_doubled, parts))
        return VALUE.join(parts)

    return _texts(value, change, keys=_doubled)


def _texts(
    value: Any, change: Callable[[str], str], keys: Callable[[str], str] = lambda key: key
) -> Any:
    """The value with each of its texts, and each key, changed."""
    match value:
        case str():
            return change(value)
        case dict():
            return {keys(key): _texts(entry, change, keys) for key, entry in value.items()}
        case list():
            return [_texts(entry, change, keys) for entry in value]
        case _:
            return value


def _strings(value: Any) -> Iterator[str]:
    match value:
        case str():
            yield value
        case Mapping():
            for entry in value.values():
                yield from _strings(entry)
        case Sequence():
            for entry in value:
                yield from _strings(entry)


def _plain(value: Any, what: str, where: Position | None) -> Any:
    """The value in JSON's types only."""
    match value:
        case Mapping():
            return {_key(k, what, where): _plain(v, what, where) for k, v in value.items()}
        case str():
            return str(value)
        case Sequence() if not isinstance(value, bytes):
            return [_plain(entry, what, where) for entry in value]
        case bool() | int() | None:
            return value
        case float() if math.isfinite(value):
            return value
        case _:
            raise InputError(f"{what}: {value!r} cannot be written as JSON", where=where)


def _key(key: Any, what: str, where: Position | None) -> str:
    if not isinstance(key, str):
        raise InputError(
            f"{what}: the key {key!r} is no text", where=where, hint="put the key in quotes"
        )
    return key
