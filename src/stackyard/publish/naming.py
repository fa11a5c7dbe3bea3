"""What images are called: in a registry, and in an engine on this machine."""

from __future__ import annotations

from stackyard.errors import InputError
from stackyard.stack.values import Stack, Target


def repository(stack: Stack, image: str) -> str:
    """The repository of an image, such as ``ghcr.io/acme/hub/geo-ml``.

    Raises:
        InputError: the stack file names no registry.
    """
    if not stack.registry:
        raise InputError(
            f"image {image} has no place to go: the stack file names no registry",
            hint="add `registry: HOST/PATH` to the stack file",
        )
    return f"{stack.registry.rstrip('/')}/{image}"


def local_name(stack: Stack, target: Target) -> str:
    """The name that an engine shows: as in the registry, or under ``localhost``."""
    place = stack.registry.rstrip("/") if stack.registry else "localhost"
    return f"{place}/{target.image}:{target.variant}"
