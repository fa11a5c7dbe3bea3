"""Changes as plain text, for a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from stackyard.hub.compare.change import Change
from stackyard.hub.compare.summary import HEADINGS, summary


def as_text(changes: Sequence[Change]) -> str:
    """All changes, each on a line; what it means for users once, below the last it is true of."""
    lines = [summary(changes)]
    for effect, group in groupby(changes, key=lambda change: change.effect):
        lines += ["", f"{HEADINGS[effect]}:"]
        for consequence, same in groupby(group, key=lambda change: change.consequence):
            lines += [f"  {', '.join(change.names)}: {change.text}" for change in same]
            lines += [f"    {consequence}"] if consequence else []
    return "\n".join(lines) + "\n"
