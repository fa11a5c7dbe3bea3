"""Loading images into docker or podman on this machine, without a registry in between."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from typing import BinaryIO, cast

from stackyard.errors import OutsideError
from stackyard.oci.descriptor import Descriptor
from stackyard.oci.documents import parse
from stackyard.oci.export import write_docker_archive
from stackyard.oci.image import read_image
from stackyard.oci.layer import Layer
from stackyard.oci.store import Store
from stackyard.system.docker_archive import parent_archive

_Chain = tuple[str, ...]
"""The digests of layers, not compressed, from the bottom: what docker finds layers by."""


def load_images(
    engine: str,
    images: Mapping[str, Descriptor],
    store: Store,
    tell: Callable[[str], None] = lambda _: None,
) -> None:
    """Load images into docker or podman.

    docker gets only those layers that it lacks.

    Args:
        engine: docker or podman.
        images: name with tag to manifest.
        store: has the images.
        tell: told what is loaded, before it is.

    Raises:
        OutsideError: the engine is missing, not running, or refuses them.
    """
    program = shutil.which(engine)
    if program is None:
        raise OutsideError(
            f"{engine} is not installed",
            hint="install it, or use --output docker-archive:FILE and load that elsewhere",
        )
    if engine == "docker":
        _into_docker(program, images, store, tell)
        return
    tell(", ".join(images))
    if refused := _load(program, lambda out: write_docker_archive(store, images, out)):
        raise _failed(engine, refused)


def _into_docker(
    program: str, images: Mapping[str, Descriptor], store: Store, tell: Callable[[str], None]
) -> None:
    known = set(_chains(program))
    for name, manifest in images.items():
        tell(name)
        layers = read_image(store, manifest).layers
        chains = [tuple(layer.diff_id for layer in layers[:n]) for n in range(len(layers) + 1)]
        first = max((n for n, chain in enumerate(chains) if chain in known), default=0)
        refused = _load_one(program, name, manifest, layers, first, store)
        if refused and first:
            # containerd's store wants all of them, whatever it has.
            refused = _load_one(program, name, manifest, layers, 0, store)
        if refused:
            raise _failed("docker", refused)
        known.update(chains)


def _load_one(
    program: str,
    name: str,
    manifest: Descriptor,
    layers: tuple[Layer, ...],
    first: int,
    store: Store,
) -> str:
    digest = Descriptor.from_json(parse(store.read(manifest.digest))["config"]).digest
    pieces = parent_archive(store, name, store.read(digest), layers, first)

    def write(out: BinaryIO) -> None:
        for piece in pieces:
            out.write(piece)

    return _load(program, write)


def _chains(program: str) -> Iterator[_Chain]:
    """The chains of all images that docker has."""
    ids = _ask(program, "image", "ls", "--quiet", "--no-trunc").split()
    if not ids:
        return
    told = _ask(program, "image", "inspect", "--format", "{{json .RootFS.Layers}}", *sorted({*ids}))
    for line in told.splitlines():
        layers = json.loads(line) or []
        yield from (tuple(layers[:n]) for n in range(1, len(layers) + 1))


def _ask(program: str, *words: str) -> str:
    done = subprocess.run(
        [program, *words], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    return done.stdout if done.returncode == 0 else ""


def _load(program: str, write: Callable[[BinaryIO], None]) -> str:
    """Run ``load``; what it said when it failed, else nothing."""
    with subprocess.Popen(
        [program, "load"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as process:
        stdin = cast("BinaryIO", process.stdin)
        try:
            write(stdin)
        except BrokenPipeError:
            pass  # an engine that ends early; its own words tell why
        except OutsideError as error:
            if not isinstance(error.__cause__, BrokenPipeError):
                raise
        finally:
            with suppress(BrokenPipeError):
                stdin.close()
        words = cast("BinaryIO", process.stdout).read().decode(errors="replace")
    return (words.strip()[-600:] or f"exit code {process.returncode}") if process.returncode else ""


def _failed(engine: str, words: str) -> OutsideError:
    return OutsideError(
        f"{engine} load failed: {words}", hint=f"is {engine} running, and may you use it?"
    )
