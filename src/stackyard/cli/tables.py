"""Tables and sizes for people: columns that line up, plain text when piped."""

from __future__ import annotations

from collections.abc import Sequence

import click

_UNITS = ("kB", "MB", "GB", "TB")


def size(count: int) -> str:
    """*count* bytes in decimal units, as registries show them: ``12.3 MB``."""
    if count < 1000:
        return f"{count} B"
    value, units = float(count), iter(_UNITS)
    unit = ""
    while value >= 1000 and (bigger := next(units, "")):
        value, unit = value / 1000, bigger
    return f"{value:.1f} {unit}"


def table(header: Sequence[str], rows: Sequence[Sequence[str]], *, right: frozenset[int]) -> str:
    """Rows under a header, columns aligned by two spaces; *right* are aligned right."""
    every = [header, *rows]
    widths = [max(len(row[column]) for row in every) for column in range(len(header))]

    def line(row: Sequence[str]) -> str:
        cells = [
            cell.rjust(width) if column in right else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        return "  ".join(cells).rstrip()

    return "\n".join([click.style(line(header), bold=True), *map(line, rows)])
