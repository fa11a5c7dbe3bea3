"""The nearest known name, for messages about unknown ones."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name most like `name`, or None when none is like it."""
    names = sorted(set(known))
    found = difflib.get_close_matches(name, names, n=1, cutoff=0.6)
    if found:
        return found[0]
    by_case = {candidate.lower(): candidate for candidate in names}
    return by_case.get(name.lower())


def did_you_mean(name: str, known: Iterable[str]) -> str | None:
    """A hint about an unknown name: the nearest one, or what there is."""
    names = sorted(set(known))
    near = nearest(name, names)
    if near is not None:
        return f"did you mean {near!r}?"
    if not names:
        return None
    listed = ", ".join(names[:12])
    return f"known: {listed}, …" if len(names) > 12 else f"known: {listed}"
