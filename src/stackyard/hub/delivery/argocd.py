"""A values file, and in comments how an Argo CD Application takes it.

Argo CD reads values from files of a repository, not from ConfigMaps of the cluster.
"""

from __future__ import annotations

from collections.abc import Sequence

from stackyard.hub.delivery.comments import comment, origin
from stackyard.hub.delivery.shape import Delivery, Settings
from stackyard.hub.delivery.values import FILE, document, profiles
from stackyard.hub.profiles import Offer
from stackyard.stack.values import Stack

_HEADER = """
The Application takes this file last. With the chart in the same repository:

  spec:
    source:
      helm:
        valueFiles: [values.yaml, profiles.yaml]

With the chart from a Helm repository, and these files in a git repository:

  spec:
    sources:
      - repoURL: HELM_REPOSITORY
        chart: jupyterhub
        targetRevision: CHART_VERSION
        helm:
          valueFiles: [$values/hub/values.yaml, $values/hub/profiles.yaml]
      - repoURL: GIT_REPOSITORY
        targetRevision: main
        ref: values

The last file with a singleuser.profileList wins: lists replace each other. The
Application's own helm.values, helm.valuesObject and helm.parameters win over all
files: take a profileList out of them.
"""


def deliver(stack: Stack, offers: Sequence[Offer], settings: Settings) -> Delivery:
    """A values file for a git repository."""
    header = comment(*origin(stack), *_HEADER.splitlines())
    return Delivery({FILE: header + document(profiles(stack, offers), settings)})
