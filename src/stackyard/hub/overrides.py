"""A profile's `kubespawner_override`, checked, and written as KubeSpawner reads it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from stackyard.errors import InputError, Position
from stackyard.hub.traits import TRAITS, fits
from stackyard.stack.suggest import did_you_mean

_WORDS = {
    "bytes": "a number of bytes, or text such as 8G (K, M, G or T, without i)",
    "number": "a number, without quotes",
    "integer": "a whole number, without quotes",
    "boolean": "true or false",
}


def checked(override: Mapping[str, Any], image: str, where: Position) -> dict[str, Any]:
    """The override, if KubeSpawner will take it; braces in `environment` are doubled.

    KubeSpawner sets a name that it does not know as an attribute without a word, and
    finds a value of a wrong type only when a user spawns. It expands environment values
    as format strings, so a brace of the user's must be doubled.

    Raises:
        InputError: an unknown trait, or a value that the trait does not take.
    """
    problem = f"the profile of image {image}: kubespawner_override"
    if "image" in override:
        raise InputError(
            f"{problem} sets image, which is what the profile offers",
            where=where,
            hint="Leave it out: the published reference is put there.",
        )
    written = {}
    for name, given in override.items():
        if name not in TRAITS:
            raise InputError(
                f"{problem} has {name!r}, which KubeSpawner does not know",
                where=where,
                hint=did_you_mean(str(name), TRAITS),
            )
        value = _plain(given, f"{problem} {name}", where)
        if not fits(TRAITS[name], value):
            kind = TRAITS[name].rstrip("?")
            raise InputError(
                f"{problem} {name} is {value!r}, and KubeSpawner takes {_WORDS.get(kind, kind)}",
                where=where,
            )
        written[name] = value
    if environment := written.get("environment"):
        written["environment"] = _environment(environment, problem, where)
    return written


def _environment(environment: dict[str, Any], problem: str, where: Position) -> dict[str, Any]:
    for name, value in environment.items():
        if value is not None and not isinstance(value, str | dict):
            raise InputError(
                f"{problem} environment: {name} is {value!r}, and must be text",
                where=where,
                hint="Put the value in quotes.",
            )
    return {name: _doubled(value) for name, value in environment.items()}


def _doubled(value: Any) -> Any:
    match value:
        case str():
            return value.replace("{", "{{").replace("}", "}}")
        case dict():
            return {key: _doubled(entry) for key, entry in value.items()}
        case list():
            return [_doubled(entry) for entry in value]
        case _:
            return value


def _plain(value: Any, what: str, where: Position) -> Any:
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


def _key(key: Any, what: str, where: Position) -> str:
    if not isinstance(key, str):
        raise InputError(
            f"{what}: the key {key!r} is no text", where=where, hint="Put the key in quotes."
        )
    return key
