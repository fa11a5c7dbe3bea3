"""What differs between two images, as `stackyard inspect --diff` shows it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import click

from stackyard.cli.images import Named
from stackyard.cli.inspected import layer_name, origins, plain
from stackyard.cli.tables import size, table
from stackyard.inventory.compare import Difference
from stackyard.oci.descriptor import LAYER_TAR
from stackyard.oci.image import StoredImage

_SHOWN = 4


def difference_document(
    before: dict[str, Any], after: dict[str, Any], image: StoredImage, found: Difference
) -> dict[str, Any]:
    """What differs between two images."""
    layers = origins(image)
    return {
        "from": before,
        "to": after,
        "packages": [asdict(change) for change in found.changes],
        "pulled": found.pulled,
        "total": found.total,
        "new_layers": [
            {
                "layer": index,
                "name": layer_name(layers, index),
                "digest": image.layers[index].descriptor.digest,
                "size": image.layers[index].descriptor.size,
            }
            for index in found.new_layers
        ],
        "shared_layers": found.shared_chain,
        "layers": found.layers,
    }


def show_difference(before: Named, after: Named, image: StoredImage, found: Difference) -> None:
    """Print what differs between two images."""
    click.echo(f"from {plain(str(before))}\nto   {plain(str(after))}\n")
    rows = [
        tuple(
            map(
                plain,
                (_word(c.before, c.after), c.kind, c.name, *map(", ".join, (c.before, c.after))),
            )
        )
        for c in found.changes
    ]
    if rows:
        header = ("", "kind", "package", "before", "after")
        click.echo(table(header, rows, right=frozenset()))
        click.echo()
    counts = Counter(row[0] for row in rows)
    told = ", ".join(f"{counts[word]} {word}" for word in ("added", "removed", "changed"))
    click.echo(f"packages: {told}")
    click.echo(
        f"a node that has the first pulls {size(found.pulled)} of {size(found.total)}"
        + (f": {_largest(image, found)}" if found.new_layers else "")
    )
    if any(layer.descriptor.media_type == LAYER_TAR for layer in image.layers):
        click.echo("the second is not compressed here; a registry's layers would be smaller")
    click.echo(f"the same from the bottom: {found.shared_chain} of {found.layers} layers")


def _largest(image: StoredImage, found: Difference) -> str:
    """The layers that are most of what is pulled."""
    layers = origins(image)
    sizes = {index: image.layers[index].descriptor.size for index in found.new_layers}
    ranked = sorted(sizes, key=lambda index: -sizes[index])
    told = [f"{layer_name(layers, index)} {size(sizes[index])}" for index in ranked[:_SHOWN]]
    more = [f"and {len(ranked) - _SHOWN} more"] if len(ranked) > _SHOWN else []
    return ", ".join(told + more)


def _word(before: Sequence[str], after: Sequence[str]) -> str:
    if not before:
        return "added"
    return "changed" if after else "removed"
