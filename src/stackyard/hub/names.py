"""Names that Kubernetes, the form and the chart's pre-pullers all take.

The pre-pullers of the chart pull each choice that has an image in a container named
``image-pull-profile-{index}-option-{option}-{choice}``: a DNS label of at most 63
characters, with the profile's index in the list.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from stackyard.errors import InputError, Position

IMAGE_OPTION = "image"
"""The option whose choices are an image's versions."""
MAX_CHOICE = 63 - len(f"image-pull-profile-999-option-{IMAGE_OPTION}-")
_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
_SLUG = re.compile(r"(?!.*--)[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?")
_HASH = 8


def choice_key(name: str) -> str:
    """The key of a version's choice: a variant's name, or a tag, where it is fit to be one.

    Else what is fit of it, and a hash of the name, so that the key depends on nothing
    but the name and no two names share one.
    """
    if len(name) <= MAX_CHOICE and _LABEL.fullmatch(name):
        return name
    digest = hashlib.sha256(name.encode()).hexdigest()[:_HASH]
    fit = re.sub(r"[^a-z0-9]+", "-", name.lower())[: MAX_CHOICE - _HASH - 1].strip("-")
    return f"{fit}-{digest}" if fit else f"v-{digest}"


def puller_names(profiles: Sequence[Mapping[str, Any]]) -> Iterator[tuple[int, str, str, str]]:
    """What the chart calls the containers that pull the choices' images.

    Source: `templates/image-puller/_helpers-daemonset.tpl` of Zero to JupyterHub 4.

    Yields:
        The profile's index, the option's and the choice's key, the container's name.
    """
    for index, profile in enumerate(profiles):
        for option, described in profile.get("profile_options", {}).items():
            for choice, told in described.get("choices", {}).items():
                if told.get("kubespawner_override", {}).get("image"):
                    name = f"image-pull-profile-{index}-option-{option}-{choice}"
                    yield index, option, choice, name


def is_label(name: str) -> bool:
    """Whether it is a DNS label (RFC 1123), as names of containers are."""
    return len(name) <= 63 and bool(_LABEL.fullmatch(name))


def check_slug(slug: str, where: Position | None) -> str:
    """The slug, if it can stand in the form's identifiers and in an address.

    Raises:
        InputError: it cannot.
    """
    if not _SLUG.fullmatch(slug):
        raise InputError(
            f"the profile's slug {slug!r} has characters that the spawn form does not take, "
            "or is longer than 63",
            where=where,
            hint="give it a `slug` of letters, digits, and single -._ between them",
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
