"""A ConfigMap, and in comments how a Flux HelmRelease takes its values."""

from __future__ import annotations

from collections.abc import Sequence

from stackyard.hub.delivery.comments import comment, origin
from stackyard.hub.delivery.configmap import manifest, too_large_to_apply
from stackyard.hub.delivery.shape import Delivery, Settings
from stackyard.hub.delivery.values import FILE
from stackyard.hub.delivery.yamltext import dump
from stackyard.hub.profiles import Offer
from stackyard.stack.values import Stack


def deliver(stack: Stack, offers: Sequence[Offer], settings: Settings) -> Delivery:
    """The ConfigMap as a file for a folder that Flux reconciles.

    Raises:
        InputError: more than a ConfigMap holds.
    """
    made = manifest(stack, offers, settings)
    large = too_large_to_apply(made)
    header = comment(
        *origin(stack),
        "",
        *release(settings),
        "",
        "The label reconcile.fluxcd.io/watch makes helm-controller 1.4.0 and later upgrade at",
        "once when the list changes. An older one waits for the HelmRelease's interval: use",
        "--format kustomize there. The annotation keeps ${…} in texts as it is.",
        *(("", f"Flux applies it as it is. By hand: {large}.") if large else ()),
    )
    return Delivery({"configmap.yaml": header + dump(made)})


def release(settings: Settings) -> tuple[str, ...]:
    """How the hub's HelmRelease takes the ConfigMap."""
    return (
        f"The hub's HelmRelease, in the namespace {settings.namespace} too, takes it so:",
        "",
        "  spec:",
        "    timeout: 30m",
        "    valuesFrom:",
        "      - kind: ConfigMap",
        f"        name: {settings.name}",
        f"        valuesKey: {FILE}",
        "",
        "Put it last in valuesFrom: the entries are merged in their order, and of two lists",
        "the later one wins. After them comes the HelmRelease's own spec.values, then entries",
        "with a targetPath. So a singleuser.profileList in spec.values wins over this one:",
        "take it out there.",
        "The timeout is 5m unless set, and an upgrade waits until every node has pulled the",
        "new images.",
    )
