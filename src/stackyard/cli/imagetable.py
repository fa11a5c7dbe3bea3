"""A table of the images that a build ends with."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import click

from stackyard.build.unchanged import BuiltImage
from stackyard.cli.tables import size, table


def show_images(images: Sequence[BuiltImage]) -> None:
    """Images with their sizes, and what they share; nothing when there is none."""
    if not images:
        return
    uses = Counter(digest for image in images for digest in image.blobs)
    rows = [
        (
            image.name,
            image.platform,
            str(len(image.blobs) - 1),
            size(image.size),
            size(sum(n for d, n in image.blobs.items() if uses[d] > 1)),
            size(sum(n for d, n in image.blobs.items() if uses[d] == 1)),
        )
        for image in images
    ]
    header = ("image", "platform", "layers", "size", "shared", "only here")
    click.echo(table(header, rows, right=frozenset({2, 3, 4, 5})))
    if len(images) > 1:
        sizes = {d: n for image in images for d, n in image.blobs.items()}
        each = sum(image.size for image in images)
        click.echo(
            f"stored once: {size(sum(sizes.values()))}; each for itself would be {size(each)}"
        )
