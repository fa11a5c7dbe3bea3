"""Values for the chart that pull every image of the list to the nodes ahead of time."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence

from stackyard.hub.delivery.comments import comment, origin
from stackyard.hub.delivery.references import listed, split
from stackyard.hub.delivery.shape import Delivery, Settings
from stackyard.hub.delivery.values import FILE, pull_secrets
from stackyard.hub.delivery.yamltext import Path, dump
from stackyard.hub.names import is_label
from stackyard.hub.profiles import Offer
from stackyard.stack.values import Stack

LONGEST = 63 - len("image-pull-")
"""Characters of a key, which becomes part of a container's name."""

_PREFIX = "stackyard-"  # no container of the chart's own is called so
_DIGITS = 10

_HEADER = """
The chart's own pullers pull the images of singleuser.profileList, so a hub that has
the list needs this file only

- to pull images before the list has them: apply this file first, then the list;
- for charts before 3.2.0, which do not look into choices, and where
  prePuller.pullProfileListImages is false;
- for a hub whose list does not come from the chart's values.

helm upgrade RELEASE CHART -f YOUR_VALUES.yaml -f THIS_FILE --timeout 30m

The pullers use the chart's imagePullSecrets and singleuser.image.pullSecrets, never
those of a profile. The chart merges extraImages: entries of your own stay.
"""


def deliver(stack: Stack, offers: Sequence[Offer], settings: Settings) -> Delivery:
    """A values file with all images that users can choose, old versions too, each once."""
    images: dict[str, dict[str, str]] = {}
    told: dict[Path, str] = {}
    for key, reference, image in _images(offers):
        name, tag = split(reference)
        images[key] = {"name": name, "tag": tag}
        told["prePuller", "extraImages", key] = f"images.{image}"
    text = dump({"prePuller": {"extraImages": images}}, told)
    header = comment(*origin(stack), *_HEADER.splitlines())
    return Delivery({FILE: header + text + pull_secrets(settings)})


def _images(offers: Sequence[Offer]) -> Iterator[tuple[str, str, str]]:
    seen: set[str] = set()
    for offer in offers:
        for image in listed(offer.profile):
            if image.reference not in seen:
                seen.add(image.reference)
                yield key_of(image.reference), image.reference, offer.image


def key_of(reference: str) -> str:
    """The key of an image: the same for the same reference, and for no other.

    What is fit to be a key of the image's name and its tag, for people, and a hash.
    """
    name, tag = split(reference)
    words = f"{name.rpartition('/')[2]}-{tag.partition('@')[0]}"
    digits = hashlib.sha256(reference.encode()).hexdigest()[:_DIGITS]
    room = LONGEST - len(_PREFIX) - _DIGITS - 1
    fit = re.sub(r"[^a-z0-9]+", "-", words.lower())[:room].strip("-")
    key = f"{_PREFIX}{fit}-{digits}" if fit else f"{_PREFIX}{digits}"
    if not is_label(key):
        raise ValueError(f"{key!r} is no DNS label")
    return key
