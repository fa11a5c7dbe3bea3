"""What a delivery is made of, and what it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from stackyard.hub.names import check_label

SUBDOMAIN = 253
"""Characters that most names of Kubernetes' objects may have."""


@dataclass(frozen=True)
class Settings:
    """What is asked of a delivery beside the list.

    Attributes:
        name: of the ConfigMap.
        namespace: of the ConfigMap, which must be that of the hub's HelmRelease.
        pull_secrets: names of Secrets with which the images are pulled, each once.

    Raises:
        InputError: a name that Kubernetes does not take.
    """

    name: str = "stackyard-profiles"
    namespace: str = "jupyterhub"
    pull_secrets: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        check_label(self.name, "the ConfigMap's name", longest=SUBDOMAIN)
        check_label(self.namespace, "the ConfigMap's namespace")
        for secret in self.pull_secrets:
            check_label(secret, "the pull secret's name", longest=SUBDOMAIN)
        object.__setattr__(self, "pull_secrets", tuple(dict.fromkeys(self.pull_secrets)))


@dataclass(frozen=True)
class Delivery:
    """Files, and what whoever asked for them should know.

    Attributes:
        files: name to text; a format has one file, or a folder of them.
        notes: what the files cannot say or do, one sentence each.
    """

    files: Mapping[str, str]
    notes: tuple[str, ...] = field(default=())

    @property
    def text(self) -> str:
        """The one file's text."""
        (text,) = self.files.values()
        return text
