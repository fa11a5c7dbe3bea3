"""A pod's manifest, read as the container that an engine on this machine can run."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_REFERENCE = re.compile(r"\$\$|\$\(([^()]+)\)")


@dataclass(frozen=True)
class Container:
    """As much of a pod as an engine without Kubernetes knows.

    Attributes:
        command: what the image's entrypoint gets; None for the image's own command.
        user: ``UID`` or ``UID:GID``; None for the image's.
        owner: of the user's home, ``UID:GID``; None to leave it to the engine.
        groups: of the user besides.
        memory: bytes; None for no limit.
        cpus: None for no limit.
        may_gain_privileges: whether setuid programs work.
    """

    image: str
    command: list[str] | None
    environment: dict[str, str]
    working_dir: str | None
    user: str | None
    owner: str | None
    groups: list[int]
    memory: int | None
    cpus: float | None
    may_gain_privileges: bool


def container_of(
    pod: Mapping[str, Any], own: Mapping[str, str], fixed: Mapping[str, str]
) -> Container:
    """The container of a pod that KubeSpawner made.

    Args:
        pod: the manifest, as the Kubernetes client's ``to_dict`` has it.
        own: environment variables that the profile sets itself.
        fixed: those that this hub gives its servers, and which beat the manifest's unless
            the profile sets them.
    """
    spec = pod["spec"]
    (notebook, *_others) = spec["containers"]
    written = {e["name"]: e["value"] for e in notebook["env"] or () if e.get("value") is not None}
    environment = _expanded({**written, **{k: v for k, v in fixed.items() if k not in own}})
    security = {**(spec["security_context"] or {}), **(notebook["security_context"] or {})}
    limits = (notebook["resources"] or {}).get("limits") or {}
    return Container(
        image=notebook["image"],
        command=[_expand(word, environment) for word in notebook["args"] or ()] or None,
        environment=environment,
        working_dir=notebook["working_dir"],
        user=_joined(security.get("runAsUser"), security.get("runAsGroup")),
        owner=_joined(security.get("runAsUser"), security.get("fsGroup")),
        groups=_groups(security),
        memory=limits.get("memory"),
        cpus=limits.get("cpu"),
        may_gain_privileges=security.get("allowPrivilegeEscalation") is not False,
    )


def _joined(user: int | None, group: int | None) -> str | None:
    if user is None:
        return None
    return str(user) if group is None else f"{user}:{group}"


def _groups(security: Mapping[str, Any]) -> list[int]:
    found = list(security.get("supplementalGroups") or ())
    group = security.get("fsGroup")
    return found if group is None or group in found else [*found, group]


def _expanded(environment: Mapping[str, str]) -> dict[str, str]:
    done: dict[str, str] = {}
    for name, value in environment.items():  # sorted by KubeSpawner: what is referred to first
        done[name] = _expand(value, done)
    return done


def _expand(text: str, environment: Mapping[str, str]) -> str:
    """``$(NAME)`` as Kubernetes has it; ``$$`` is a dollar, an unknown name stays."""

    def value(found: re.Match[str]) -> str:
        return "$" if found[1] is None else environment.get(found[1], found[0])

    return _REFERENCE.sub(value, text)
