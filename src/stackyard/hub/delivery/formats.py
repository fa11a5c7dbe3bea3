"""The formats by name. Imports nothing heavy: the command line's help reads this table."""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from stackyard.hub.delivery.shape import Delivery, Settings
    from stackyard.hub.profiles import Offer
    from stackyard.stack.values import Stack

By = Literal["digest", "tag"]


@dataclass(frozen=True)
class Format:
    """A way to deliver the list.

    Attributes:
        summary: for the help, a few words.
        module: in this package; has ``deliver``.
        uses: the fields of `Settings` that mean something to it.
        by: how images are named unless asked otherwise.
        folder: whether it is several files.
    """

    summary: str
    module: str
    uses: frozenset[str] = frozenset({"pull_secrets"})
    by: By = "digest"
    folder: bool = False


_OBJECT = frozenset({"name", "namespace", "pull_secrets"})

FORMATS: Mapping[str, Format] = {
    "values": Format("values for Helm", "values"),
    "configmap": Format("a ConfigMap that holds these values", "configmap", _OBJECT),
    "flux": Format("the ConfigMap, and how a HelmRelease takes it", "flux", _OBJECT),
    "kustomize": Format(
        "a folder for Flux: the ConfigMap's name changes with the list",
        "kustomize",
        _OBJECT,
        folder=True,
    ),
    "argocd": Format("values, and how an Application takes them", "argocd"),
    "kubespawner": Format("a part of jupyterhub_config.py, without the chart", "kubespawner"),
    "dockerspawner": Format(
        "a part of jupyterhub_config.py, for a hub on docker",
        "dockerspawner",
        frozenset(),
        by="tag",
    ),
    "prepuller": Format("values that pull all images ahead of time", "prepuller"),
    "json": Format("the bare list", "jsonlist", frozenset()),
}


def deliver(
    name: str, stack: Stack, offers: Sequence[Offer], settings: Settings | None = None
) -> Delivery:
    """The list in a format.

    Args:
        name: one of `FORMATS`.
        stack: the stack.
        offers: the profiles, with images by digest or by tag as they shall be pulled.
        settings: what the format is asked for beside.

    Raises:
        InputError: the format cannot hold the list.
    """
    from stackyard.hub.delivery.shape import Delivery, Settings  # noqa: PLC0415 - see above

    module = importlib.import_module(f"{__package__}.{FORMATS[name].module}")
    made = module.deliver(stack, offers, settings or Settings())
    if not isinstance(made, Delivery):
        raise TypeError(f"{module.__name__}.deliver gives no Delivery")
    return made
