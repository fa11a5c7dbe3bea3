"""A ConfigMap whose key `values.yaml` holds the chart's values."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from stackyard.errors import InputError
from stackyard.hub.delivery.comments import comment, origin
from stackyard.hub.delivery.shape import Delivery, Settings
from stackyard.hub.delivery.values import FILE, document, profiles
from stackyard.hub.delivery.yamltext import block, dump
from stackyard.hub.profiles import Offer
from stackyard.stack.values import Stack

LABELS = {"app.kubernetes.io/managed-by": "stackyard"}
WATCH = {"reconcile.fluxcd.io/watch": "Enabled"}
ANNOTATIONS = {"kustomize.toolkit.fluxcd.io/substitute": "disabled"}

_LARGEST = 1 << 20  # bytes of values that the API server takes in a ConfigMap
_LARGEST_APPLY = 262_144  # bytes that an object's annotations may have together
_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"


def deliver(stack: Stack, offers: Sequence[Offer], settings: Settings) -> Delivery:
    """The ConfigMap as a file for `kubectl apply`.

    Raises:
        InputError: more than a ConfigMap holds.
    """
    made = manifest(stack, offers, settings)
    warning = too_large_to_apply(made)
    told = [
        *origin(stack),
        "",
        "kubectl apply --server-side -f THIS_FILE",
        *(["", f"WARNING: {warning}"] if warning else []),
    ]
    notes = (warning,) if warning else ()
    return Delivery({"configmap.yaml": comment(*told) + dump(made)}, notes)


def manifest(stack: Stack, offers: Sequence[Offer], settings: Settings) -> dict[str, Any]:
    """The ConfigMap.

    The label makes Flux reconcile at once when it changes; the annotation keeps Flux from
    replacing ``${…}`` in texts.

    Raises:
        InputError: as `checked_values`.
    """
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {
            "name": settings.name,
            "namespace": settings.namespace,
            "labels": LABELS | WATCH,
            "annotations": ANNOTATIONS,
        },
        "data": {FILE: block(checked_values(stack, offers, settings))},
    }


def checked_values(stack: Stack, offers: Sequence[Offer], settings: Settings) -> str:
    """The values, which fit into a ConfigMap.

    They name no lines of the stack file, so that they are the same for the same list.

    Raises:
        InputError: they do not fit; it has the place of the profile that takes most.
    """
    items = profiles(stack, offers, lines=False)
    text = document(items, settings)
    size = len(text.encode())
    if size <= _LARGEST:
        return text
    offer, bytes_ = max(
        ((offer, len(item.encode())) for offer, item in zip(offers, items, strict=True)),
        key=lambda pair: pair[1],
    )
    raise InputError(
        f"the profile list has {size:,} bytes, and a ConfigMap holds {_LARGEST:,}; the profile "
        f"of image {offer.image} takes most of it: {bytes_:,}",
        where=offer.where,
        hint="shorten descriptions, keep fewer previous versions, or deliver the list as a "
        "values file",
    )


def too_large_to_apply(made: Mapping[str, Any]) -> str | None:
    """What to say of an object that `kubectl apply` cannot keep in an annotation."""
    written = json.dumps(made, ensure_ascii=False, separators=(",", ":")) + "\n"
    # Go's JSON has these in six characters each.
    escaped = sum(written.count(letter) for letter in "<>&\u2028\u2029")
    kept = written.encode()
    size = len(kept) + 5 * escaped + len(_APPLIED)
    size += sum(len(key) + len(value) for key, value in made["metadata"]["annotations"].items())
    if size <= _LARGEST_APPLY:
        return None
    return (
        f"the ConfigMap has {size:,} bytes, and `kubectl apply` keeps at most "
        f"{_LARGEST_APPLY:,}: use `kubectl apply --server-side`"
    )
