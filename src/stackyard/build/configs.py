"""How an image runs: what its layers say, the upper ones last."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping

from stackyard.build.steps import ConfigChanges
from stackyard.oci.image import RuntimeConfig
from stackyard.stack.values import Healthcheck, Layer

_NANOSECONDS = 1_000_000_000


def changes_of(
    layers: Iterable[Layer], more_labels: Mapping[str, str]
) -> tuple[ConfigChanges, dict[str, str]]:
    """What layers, from the bottom, say of an image's configuration.

    Args:
        layers: some that stand directly on each other.
        more_labels: those of the image itself.

    Returns:
        The changes, and the same as comparable facts (``env LANG`` to ``C.UTF-8``).
    """
    env: dict[str, str] = {}
    labels: dict[str, str] = {}
    user = workdir = entrypoint = cmd = healthcheck = None
    for layer in layers:
        env |= layer.env
        labels |= layer.labels
        user = layer.user or user
        workdir = layer.workdir or workdir
        healthcheck = layer.healthcheck or healthcheck
        if layer.entrypoint is not None:
            # As in a Dockerfile, a new entrypoint resets the command below it.
            entrypoint, cmd = layer.entrypoint, None
        cmd = layer.cmd if layer.cmd is not None else cmd
    changes = ConfigChanges(
        env=env,
        labels=labels | dict(more_labels),
        user=f"{user.uid}:{user.gid}" if user else None,
        workdir=workdir or (user.home if user else None),
        entrypoint=entrypoint,
        cmd=cmd,
        healthcheck=healthcheck,
    )
    return changes, told(changes)


def told(changes: ConfigChanges) -> dict[str, str]:
    """Changes as comparable facts."""
    facts = {f"env {k}": v for k, v in changes.env.items()}
    facts |= {f"label {k}": v for k, v in changes.labels.items()}
    for name in ("user", "workdir"):
        if (value := getattr(changes, name)) is not None:
            facts[name] = value
    for name in ("entrypoint", "cmd"):
        if (words := getattr(changes, name)) is not None:
            facts[name] = json.dumps(words)
    if changes.healthcheck:
        facts["healthcheck"] = json.dumps(docker_healthcheck(changes.healthcheck))
    return facts


def docker_healthcheck(check: Healthcheck) -> dict[str, object]:
    """A health check as docker's image configuration has it: durations in nanoseconds.

    https://github.com/moby/docker-image-spec/blob/main/specs-go/v1/image.go
    """
    durations = {
        "Interval": check.interval,
        "Timeout": check.timeout,
        "StartPeriod": check.start_period,
    }
    out: dict[str, object] = {"Test": list(check.test)}
    out |= {k: round(v * _NANOSECONDS) for k, v in durations.items() if v is not None}
    if check.retries is not None:
        out["Retries"] = check.retries
    return out


def apply(base: RuntimeConfig, changes: ConfigChanges) -> RuntimeConfig:
    """The configuration of an image on a base."""
    new_entrypoint = changes.entrypoint is not None
    return RuntimeConfig(
        env={**base.env, **changes.env},
        labels={**base.labels, **changes.labels},
        user=changes.user if changes.user is not None else base.user,
        workdir=changes.workdir if changes.workdir is not None else base.workdir,
        entrypoint=changes.entrypoint if new_entrypoint else base.entrypoint,
        cmd=changes.cmd if changes.cmd is not None or new_entrypoint else base.cmd,
        healthcheck=docker_healthcheck(changes.healthcheck)
        if changes.healthcheck
        else base.healthcheck,
        exposed_ports=base.exposed_ports,
        volumes=base.volumes,
        stop_signal=base.stop_signal,
        shell=base.shell,
        on_build=base.on_build,
    )
