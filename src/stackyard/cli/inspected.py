"""What `stackyard inspect` shows: as tables for people, as JSON for programs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

import click

from stackyard.cli.images import Named
from stackyard.cli.tables import size, table
from stackyard.inventory.contents import Package
from stackyard.inventory.origin import Origin, origin
from stackyard.inventory.survey import PackageKind
from stackyard.oci.descriptor import LAYER_TAR
from stackyard.oci.image import StoredImage

_LABELS = ("io.stackyard.key", "io.stackyard.layers", "org.opencontainers.image.revision")
_LONGEST = 60
_KINDS: dict[PackageKind, str] = {"deb": "Debian", "pypi": "Python"}


def identity(named: Named, image: StoredImage) -> dict[str, Any]:
    """Which image it is."""
    return {
        "image": named.name,
        "source": named.kind,
        "platform": str(image.platform),
        "digest": image.manifest.digest,
    }


def document(named: Named, image: StoredImage, packages: Sequence[Package]) -> dict[str, Any]:
    """Everything that is known of an image."""
    config = image.config
    return identity(named, image) | {
        "config": {
            "user": config.user,
            "workdir": config.workdir,
            "entrypoint": config.entrypoint,
            "cmd": config.cmd,
            "env": list(config.env),
            "exposed_ports": list(config.exposed_ports),
            "volumes": list(config.volumes),
            "healthcheck": config.healthcheck,
        },
        "labels": dict(config.labels),
        "annotations": dict(image.annotations),
        "size": sum(layer.descriptor.size for layer in image.layers),
        "unpacked": sum(layer.size for layer in image.layers),
        "layers": [
            {
                "step": told.kind or None,
                "name": told.name,
                "layers": list(told.layers),
                "holds": told.holds,
                "digest": layer.descriptor.digest,
                "diff_id": layer.diff_id,
                "media_type": layer.descriptor.media_type,
                "size": layer.descriptor.size,
                "unpacked": layer.size,
            }
            for layer, told in zip(image.layers, origins(image), strict=True)
        ],
        "packages": [asdict(package) for package in packages],
    }


def origins(image: StoredImage) -> list[Origin]:
    """Where each layer comes from, from the bottom."""
    return [origin(history) for layer, history in image.steps if layer is not None]


def show(named: Named, image: StoredImage, packages: Sequence[Package], *, each: bool) -> None:
    """Print an image: how it runs, its layers, and *each* package or how many."""
    for key, value in _facts(named, image):
        click.echo(f"{key:<11} {plain(value)}")
    click.echo()
    _show_layers(image, packages)
    if each:
        click.echo()
        rows = [
            (
                p.kind,
                p.name,
                p.version,
                p.architecture,
                str(p.layer),
                size(p.size),
                plain(p.license),
            )
            for p in packages
        ]
        header = ("kind", "package", "version", "arch", "layer", "size", "license")
        click.echo(table(header, rows, right=frozenset({4, 5})))


def _facts(named: Named, image: StoredImage) -> Iterator[tuple[str, str]]:
    config = image.config
    facts = {
        "image": str(named),
        "platform": str(image.platform),
        "digest": image.manifest.digest,
        "user": config.user or "root",
        "workdir": config.workdir,
        "entrypoint": " ".join(config.entrypoint or ()),
        "cmd": " ".join(config.cmd or ()),
        "env": " ".join(config.env),
        **{name.rpartition(".")[2]: config.labels.get(name, "") for name in _LABELS},
    }
    return ((name, value) for name, value in facts.items() if value)


def _show_layers(image: StoredImage, packages: Sequence[Package]) -> None:
    counts = Counter((package.layer, package.kind) for package in packages)
    rows = [
        (
            str(index),
            told.kind,
            _short(told.name),
            plain(" ".join(told.layers)),
            # One that is not compressed in the store has no size that a node would pull.
            "" if layer.descriptor.media_type == LAYER_TAR else size(layer.descriptor.size),
            size(layer.size),
            *(str(counts[index, kind] or "") for kind in _KINDS),
        )
        for index, (layer, told) in enumerate(zip(image.layers, origins(image), strict=True))
    ]
    header = ("layer", "step", "name", "needed by", "size", "unpacked", *_KINDS)
    click.echo(table(header, rows, right=frozenset({0, 4, 5, 6, 7})))
    stored = sum(layer.descriptor.size for layer in image.layers)
    kinds = Counter(package.kind for package in packages)
    told = ", ".join(f"{kinds[kind]} {word}" for kind, word in _KINDS.items())
    click.echo(
        f"{len(image.layers)} layers: {size(stored)},"
        f" unpacked {size(sum(layer.size for layer in image.layers))}; packages: {told}"
    )


def layer_name(layers: Sequence[Origin], index: int) -> str:
    """A layer as its step is called; empty where there is no such layer."""
    if not 0 <= index < len(layers):
        return ""  # no layer has an entry for the root directory
    told = layers[index]
    return _short(f"{told.kind} {told.name}".strip())


def _short(text: str) -> str:
    text = plain(text)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def plain(text: str) -> str:
    """Foreign text without what would steer a terminal."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)
