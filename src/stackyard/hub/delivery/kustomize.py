"""A folder for kustomize: the ConfigMap's name has a hash of the list.

A new name changes the HelmRelease, so that Flux of any version upgrades at once.
Source: https://fluxcd.io/flux/guides/helmreleases/ (refer to values in ConfigMaps).
"""

from __future__ import annotations

from collections.abc import Sequence

from stackyard.hub.delivery.comments import comment, origin
from stackyard.hub.delivery.configmap import ANNOTATIONS, LABELS, checked_values
from stackyard.hub.delivery.flux import release
from stackyard.hub.delivery.shape import SUBDOMAIN, Delivery, Settings
from stackyard.hub.delivery.values import FILE
from stackyard.hub.delivery.yamltext import dump
from stackyard.hub.names import check_label
from stackyard.hub.profiles import Offer
from stackyard.stack.values import Stack

_MAIN = "kustomization.yaml"
_CONFIG = "kustomizeconfig.yaml"
_HASH = len("-0123456789")


def deliver(stack: Stack, offers: Sequence[Offer], settings: Settings) -> Delivery:
    """The folder's files.

    Raises:
        InputError: more than a ConfigMap holds, or a name too long for the hash.
    """
    check_label(settings.name, "the ConfigMap's name", longest=SUBDOMAIN - _HASH)
    told = comment(*origin(stack))
    header = comment(
        "",
        "Name this folder under `resources:` of the kustomization that has the hub's",
        "HelmRelease: the two must be built together, for the name's hash to reach it.",
        "",
        *release(settings),
        "",
        "Write the name without its hash, which kustomize puts in.",
    )
    values = checked_values(stack, offers, settings)
    return Delivery(
        {
            _MAIN: told + header + dump(_kustomization(settings)),
            _CONFIG: told + dump(_name_reference()),
            FILE: told + values,
        }
    )


def _kustomization(settings: Settings) -> dict[str, object]:
    return {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "configMapGenerator": [
            {"name": settings.name, "namespace": settings.namespace, "files": [f"{FILE}={FILE}"]}
        ],
        "generatorOptions": {"labels": LABELS, "annotations": ANNOTATIONS},
        "configurations": [_CONFIG],
    }


def _name_reference() -> dict[str, object]:
    fields = [{"path": "spec/valuesFrom/name", "kind": "HelmRelease"}]
    return {"nameReference": [{"kind": "ConfigMap", "version": "v1", "fieldSpecs": fields}]}
