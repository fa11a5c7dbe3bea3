"""A part of `jupyterhub_config.py` for a hub whose KubeSpawner is configured by hand."""

from __future__ import annotations

from collections.abc import Sequence

from stackyard.hub.delivery.comments import comment, origin
from stackyard.hub.delivery.pythontext import literal
from stackyard.hub.delivery.shape import Delivery, Settings
from stackyard.hub.profiles import Offer
from stackyard.stack.values import Stack


def deliver(stack: Stack, offers: Sequence[Offer], settings: Settings) -> Delivery:
    """A file for `load_subconfig`; what is in it is literals only."""
    header = comment(
        *origin(stack),
        "",
        'In jupyterhub_config.py: load_subconfig("profiles.py"), with the path from there.',
        "A profile_list that is set after that wins. Restart the hub when the list changed.",
    )
    listed = literal([offer.profile for offer in offers])
    text = f"{header}\nc.KubeSpawner.profile_list = {listed}\n"
    if settings.pull_secrets:
        text += (
            comment("These replace pull secrets that were set before.")
            + f"c.KubeSpawner.image_pull_secrets = {literal(settings.pull_secrets)}\n"
        )
    return Delivery({"profiles.py": text})
