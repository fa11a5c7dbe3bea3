"""Where built images can go besides a registry: layouts, archives, engines."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from stackyard.build.perform import Built
from stackyard.cli.loading import load_images
from stackyard.errors import InputError
from stackyard.oci.descriptor import Descriptor
from stackyard.oci.disk import disk
from stackyard.oci.export import write_docker_archive, write_layout
from stackyard.oci.store import Store
from stackyard.publish.naming import local_name
from stackyard.stack.values import Stack

Writer = Callable[[Stack, Built, Store], str]
"""Writes the images somewhere and says what it wrote."""


def parse_output(text: str) -> Writer:
    """What ``--output`` asks for.

    Raises:
        InputError: neither ``oci:DIR`` nor ``docker-archive:FILE``.
    """
    kind, _, place = text.partition(":")
    if kind == "oci" and place:
        return lambda stack, built, store: _layout(Path(place), stack, built, store)
    if kind == "docker-archive" and place:
        return lambda stack, built, store: _archive(Path(place), stack, built, store)
    raise InputError(
        f"--output {text} is not understood", hint="say oci:DIR or docker-archive:FILE"
    )


def _images(stack: Stack, built: Built) -> dict[str, Descriptor]:
    """Manifests by name; with several platforms the name tells them apart."""
    several = len({target.platform for target in built.images}) > 1
    return {
        local_name(stack, target)
        + (f"-{target.platform.rpartition('/')[2]}" if several else ""): made.manifest
        for target, made in built.images.items()
        if made.manifest
    }


def _layout(directory: Path, stack: Stack, built: Built, store: Store) -> str:
    images = _images(stack, built)
    write_layout(store, images, directory)
    return f"wrote {len(images)} images to the OCI layout {directory}"


def _archive(path: Path, stack: Stack, built: Built, store: Store) -> str:
    images = _images(stack, built)
    beside = path.with_name(f".{path.name}.part")
    with disk(f"writing {path}"):
        try:
            with beside.open("wb") as file:
                write_docker_archive(store, images, file)
            beside.replace(path)
        finally:
            beside.unlink(missing_ok=True)
    return f"wrote {len(images)} images to {path}"


def load_into(engine: str, stack: Stack, built: Built, store: Store) -> str:
    """Load the images that were built into docker or podman.

    Raises:
        OutsideError: as `load_images`.
    """
    images = _images(stack, built)
    load_images(engine, images, store)
    return f"loaded into {engine}: {', '.join(images)}"
