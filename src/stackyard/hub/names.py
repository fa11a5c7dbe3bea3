"""Names that Kubernetes, the form and the pre-puller all take.

A choice's key becomes part of a container's name: the chart's pre-puller makes
``image-pull-profile-{index}-option-image-{choice}`` of it, a DNS label of at most 63
characters. Twenty-seven are left for the key in a list of up to 1,000 profiles.
"""

from __future__ import annotations

import hashlib
import re

from stackyard.errors import InputError, Position

MAX_CHOICE = 63 - len("image-pull-profile-999-option-image-")
_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
_SLUG = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?")
_HASH = 8


def choice_key(variant: str) -> str:
    """The key of a variant's choice: the variant's name where it is fit to be one.

    Else what is fit of it, and a hash of the name, so that the key depends on nothing
    but the name and no two names share one.
    """
    if len(variant) <= MAX_CHOICE and _LABEL.fullmatch(variant):
        return variant
    digest = hashlib.sha256(variant.encode()).hexdigest()[:_HASH]
    fit = re.sub(r"[^a-z0-9]+", "-", variant.lower())[: MAX_CHOICE - _HASH - 1].strip("-")
    return f"{fit}-{digest}" if fit else f"v-{digest}"


def check_slug(slug: str, where: Position) -> str:
    """The slug, if it can stand in the form's identifiers and in an address.

    Raises:
        InputError: it cannot.
    """
    if not _SLUG.fullmatch(slug):
        raise InputError(
            f"the profile's slug {slug!r} has characters that the spawn form does not take, "
            "or is longer than 63",
            where=where,
            hint="Use letters, digits, and -._ between them.",
        )
    return slug


def check_label(name: str, what: str, *, longest: int = 63) -> str:
    """The name, if Kubernetes takes it.

    Args:
        name: dots are taken where `longest` is above 63 (a DNS subdomain).
        what: what it names, for the message.
        longest: characters that it may have.

    Raises:
        InputError: Kubernetes would refuse it.
    """
    parts = name.split(".") if longest > 63 else [name]
    if len(name) > longest or not all(_LABEL.fullmatch(part) for part in parts):
        raise InputError(
            f"{what} {name!r} is not a name that Kubernetes takes",
            hint=f"Use lower-case letters, digits and -, at most {longest} characters.",
        )
    return name
