"""What kind of tag a tag is, by its name and by what it names."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from enum import Enum

from stackyard.build.keys import key_of
from stackyard.publish.shelf import ATTACHED, Shelf, Version
from stackyard.publish.tags import DEFAULT_TAGS
from stackyard.stack.values import Stack

_IMMUTABLE = re.compile(r"(.+)-([0-9a-f]{12})")
_BASE = re.compile(r"base-[0-9a-f]{12}")
_EXPRESSION = re.compile(r"\{\{-?\s*([A-Za-z_][\w.]*)\s*-?\}\}")
_NO_TAG = re.compile(r"[+!~:]")
_DEBIAN = ("buster", "bullseye", "bookworm", "trixie", "forky", "duke", "sid")
_SHAPES = {
    "date": r"\d{4}-\d{2}-\d{2}",
    "commit": r"[0-9a-f]{12}",
    "python": r"\d+(?:\.\d+)*[a-z0-9]*",
}
_VERSION = r"\d[A-Za-z0-9._-]*"


class TagKind(Enum):
    """What prune does with a tag."""

    EDITION = "names an image by its key, and never moves"
    TELLING = "tells what is inside, and goes with its image"
    BASE = "keeps what images stand on"
    ATTACHED = "keeps what is attached to an image"
    OTHER = "moves, or is somebody else's: it stays, and so does what it names"


def variant_of(shelf: Shelf, tag: str) -> str | None:
    """The variant in a tag that never moves; None when its key is not that of its image."""
    match = _IMMUTABLE.fullmatch(tag)
    version = shelf.versions.get(shelf.tags[tag])
    if not match or version is None:
        return None
    keys = shelf.keys_below(version)
    own = key_of("index", keys=keys) if keys else version.key
    return match[1] if own.startswith(match[2]) else None


def kind_of(shelf: Shelf, tag: str, telling: Sequence[re.Pattern[str]], stack: Stack) -> TagKind:
    """What kind of tag it is; `telling` from `telling_patterns`."""
    if ATTACHED.fullmatch(tag):
        return TagKind.ATTACHED
    version = shelf.versions.get(shelf.tags[tag])
    if version is None or tag == "latest" or tag in stack.variants:
        return TagKind.OTHER
    if variant_of(shelf, tag) is not None:
        return TagKind.EDITION
    if _is_ours(shelf, version) and any(pattern.fullmatch(tag) for pattern in telling):
        return TagKind.TELLING
    return TagKind.BASE if _BASE.fullmatch(tag) else TagKind.OTHER


def telling_patterns(stack: Stack, variants: Collection[str]) -> list[re.Pattern[str]]:
    """What tags look like that the stack file's templates make, now and in the past.

    A template that does more than name things is left out, so that its tags stay.
    """
    sources = DEFAULT_TAGS if stack.tags is None else stack.tags
    found = (_pattern(source, stack, variants) for source in sources)
    return [re.compile(pattern) for pattern in found if pattern]


def _pattern(source: str, stack: Stack, variants: Collection[str]) -> str | None:
    parts = _EXPRESSION.split(source)
    if any("{" in literal for literal in parts[::2]):
        return None
    out = re.escape(_NO_TAG.sub("-", parts[0]))
    for name, literal in zip(parts[1::2], parts[2::2], strict=True):
        shape = _shape(name, stack, variants)
        if shape is None:
            return None
        out += f"(?:{shape}){re.escape(_NO_TAG.sub('-', literal))}"
    return out


def _shape(name: str, stack: Stack, variants: Collection[str]) -> str | None:
    """What a name stands for, as a pattern; what a variable was in the past is not known."""
    if name in _SHAPES:
        return _SHAPES[name]
    if name.startswith("packages."):
        return _VERSION
    values = {
        "variant": {*variants, *stack.variants},
        "image": {*stack.image_variants},
        "suite": {*_DEBIAN},
    }.get(name, set())
    values |= set(_told(stack, name)) if name not in ("variant", "image") else set()
    return "|".join(re.escape(_NO_TAG.sub("-", value)) for value in sorted(values)) or None


def _told(stack: Stack, name: str) -> Iterator[str]:
    for variant in stack.variants.values():
        if name in variant.variables:
            yield str(variant.variables[name])


def _is_ours(shelf: Shelf, version: Version) -> bool:
    return bool(version.key or shelf.keys_below(version))


def variants_of(shelf: Shelf, tags: Iterable[str]) -> set[str]:
    """The variants that tags which never move speak of, also those of the past."""
    return {variant for tag in tags if (variant := variant_of(shelf, tag))}
