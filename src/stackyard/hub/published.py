"""What a hub can start: images as they are in a registry."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Earlier:
    """A version of an image that was published before.

    Attributes:
        tag: the one that never moves; it names the version for good.
        reference: what a cluster pulls.
        published: when; None when nothing tells.
    """

    tag: str
    reference: str
    published: datetime | None = None


@dataclass(frozen=True, slots=True)
class Published:
    """An image in one variant, as a cluster pulls it.

    Attributes:
        reference: such as ``ghcr.io/acme/hub/geo-ml:py311-0123456789ab@sha256:…``.
        earlier: what was published before it and is to stay selectable, newest first.
    """

    image: str
    variant: str
    reference: str
    earlier: tuple[Earlier, ...] = ()
