"""The images in a profile."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from stackyard.hub.names import IMAGE_OPTION


@dataclass(frozen=True)
class Listed:
    """An image that a profile offers.

    Attributes:
        reference: what is pulled.
        option: the key of the option that offers it, or None for the profile's own.
        choice: the key of its choice.
        name: what the choice is shown as, as HTML; empty for the profile's own.
    """

    reference: str
    option: str | None = None
    choice: str | None = None
    name: str = ""


def listed(profile: Mapping[str, Any]) -> Iterator[Listed]:
    """Every image that the profile names, in the order of the list."""
    if own := _image(profile):
        yield Listed(own)
    for option, described in profile.get("profile_options", {}).items():
        for choice, told in described.get("choices", {}).items():
            if reference := _image(told):
                yield Listed(reference, option, choice, told.get("display_name", ""))


def selectable(profile: Mapping[str, Any]) -> list[Listed]:
    """The images that users get by choosing, the default first.

    A profile whose versions are choices starts one of them, never its own image.
    """
    found = list(listed(profile))
    choices = [image for image in found if image.option == IMAGE_OPTION]
    if not choices:
        return [image for image in found if image.option is None]
    told = profile["profile_options"][IMAGE_OPTION]["choices"]
    default = next((key for key, choice in told.items() if choice.get("default")), None)
    return sorted(choices, key=lambda image: image.choice != default)


def split(reference: str) -> tuple[str, str]:
    """The two parts that the chart joins by a colon again: a name, and a tag with its digest."""
    named, at, digest = reference.partition("@")
    name, colon, tag = named.rpartition(":")
    if colon and "/" not in tag:
        return name, f"{tag}{at}{digest}"
    if at:  # `name@sha256` and the digest's hexadecimal part
        name, _, tag = reference.rpartition(":")
        return name, tag
    return reference, "latest"


def _image(described: Mapping[str, Any]) -> str | None:
    image = (described.get("kubespawner_override") or {}).get("image")
    return image if isinstance(image, str) else None
