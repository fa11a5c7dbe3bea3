"""A profile list as it stands in a file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from stackyard.errors import Position

Kind = Literal["kubespawner", "dockerspawner"]


@dataclass(frozen=True)
class Found:
    """A list, and where it was found.

    Attributes:
        profiles: of JSON's types, as KubeSpawner takes them.
        what: the thing that holds it, in words, such as ``ConfigMap jupyterhub/profiles``.
        where: its place.
        kind: whose list it is. DockerSpawner's has names and images only.
    """

    profiles: tuple[Mapping[str, Any], ...]
    what: str
    where: Position
    kind: Kind = "kubespawner"
