"""Who owns a path of an image, as `stackyard inspect --owner` shows it."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import click

from stackyard.cli.inspected import layer_name, origins, plain
from stackyard.cli.tables import size, table
from stackyard.inventory.owners import Owned, Share
from stackyard.oci.image import StoredImage


def owned_document(path: str, image: StoredImage, owned: Owned | None) -> dict[str, Any]:
    """Who owns a path."""
    if owned is None:
        return {"path": path, "found": False}
    layers = origins(image)
    return {
        "path": path,
        "found": True,
        "place": f"/{owned.path}",
        "kind": owned.kind.name.lower(),
        "target": owned.target or None,
        "leads_to": None if owned.leads_to is None else f"/{owned.leads_to}",
        "layer": owned.layer,
        "layer_name": layer_name(layers, owned.layer),
        "owners": [
            {
                "package": asdict(share.package) if share.package else None,
                "layer": share.layer,
                "layer_name": layer_name(layers, share.layer),
                "files": share.files,
                "size": share.size,
            }
            for share in owned.shares
        ],
    }


def show_owned(path: str, image: StoredImage, owned: Owned | None) -> None:
    """Print who owns a path."""
    if owned is None:
        click.echo(f"{plain(path)}: nothing is there, so it is nobody's")
        return
    layers = origins(image)
    where = f"/{owned.path}" + (f" -> {owned.target}" if owned.target else "")
    click.echo(
        f"{plain(where)}: a {owned.kind.name.lower()}"
        f" in layer {owned.layer}, {layer_name(layers, owned.layer)}"
    )
    if owned.leads_to is not None:
        click.echo(f"it leads to {plain('/' + owned.leads_to)}")
    rows = [
        (
            *_owner(share),
            str(share.layer),
            layer_name(layers, share.layer),
            str(share.files),
            size(share.size),
        )
        for share in owned.shares
    ]
    header = ("owner", "version", "layer", "name", "files", "size")
    if rows:
        click.echo(table(header, rows, right=frozenset({2, 4, 5})))


def _owner(share: Share) -> tuple[str, str]:
    package = share.package
    return (f"{package.kind} {package.name}", package.version) if package else ("no package", "")
