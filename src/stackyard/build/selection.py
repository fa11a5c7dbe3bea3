"""Which targets a command line names."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from fnmatch import fnmatchcase

from stackyard.errors import InputError
from stackyard.stack.values import Stack, Target


def select(
    stack: Stack, names: Sequence[str] = (), platforms: Sequence[str] = ()
) -> tuple[Target, ...]:
    """The targets that the given names stand for, in the stack file's order.

    Args:
        stack: the stack.
        names: each ``image``, ``image:variant`` or a glob of either; none means all.
        platforms: only these; none means all of the stack file's.

    Raises:
        InputError: a name or a platform that matches nothing, with the nearest.
    """
    for platform in platforms:
        if platform not in stack.platforms:
            raise InputError(
                f"platform {platform} is not one of the stack's: {', '.join(stack.platforms)}",
                hint="add it to `platforms:` in the stack file and run `stackyard lock`",
            )
    candidates = [t for t in stack.targets if not platforms or t.platform in platforms]
    if not names:
        return tuple(candidates)
    for name in names:
        if not any(_matches(t, name) for t in candidates):
            raise InputError(f"no target is named {name}", hint=_nearest(name, candidates))
    return tuple(t for t in candidates if any(_matches(t, name) for name in names))


def _matches(target: Target, name: str) -> bool:
    return fnmatchcase(str(target) if ":" in name else target.image, name)


def _nearest(name: str, candidates: Sequence[Target]) -> str:
    known = sorted({t.image for t in candidates} | {str(t) for t in candidates})
    near = difflib.get_close_matches(name, known, n=1)
    return f"did you mean {near[0]}?" if near else f"targets are {', '.join(known[:12])}"
