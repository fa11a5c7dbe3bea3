"""Which JupyterHub the preview runs: the one that the offered images were made for."""

from __future__ import annotations

from collections.abc import Iterable

from packaging.version import Version

from stackyard.lock.model import Lock
from stackyard.stack.values import Stack, Target

_NAME = "jupyterhub"


def hub_versions(stack: Stack, lock: Lock, targets: Iterable[Target]) -> dict[str, list[Target]]:
    """The versions of JupyterHub that the lock has for these images, newest first.

    Images whose JupyterHub is not in the lock, because their base or a step brings it, are
    in none.
    """
    found: dict[str, list[Target]] = {}
    for target in targets:
        if version := _version(stack, lock, target):
            found.setdefault(version, []).append(target)
    return dict(sorted(found.items(), key=lambda item: Version(item[0]), reverse=True))


def _version(stack: Stack, lock: Lock, target: Target) -> str | None:
    image = stack.image(target)
    resolution = lock.resolutions[target.variant, image.base]
    for package in resolution.packages:
        if package.name == _NAME and any(
            need.holds(image.closure, resolution.forked) for need in package.needs
        ):
            return package.version
    return None
