"""The bare list as KubeSpawner takes it, for programs."""

from __future__ import annotations

import json
from collections.abc import Sequence

from stackyard.hub.delivery.shape import Delivery, Settings
from stackyard.hub.profiles import Offer
from stackyard.hub.visible import escaped
from stackyard.stack.values import Stack


def deliver(stack: Stack, offers: Sequence[Offer], settings: Settings) -> Delivery:  # noqa: ARG001
    """The list as JSON."""
    listed = [dict(offer.profile) for offer in offers]
    text = json.dumps(listed, indent=2, ensure_ascii=False)
    return Delivery({"profiles.json": escaped(text) + "\n"})
