"""What decides a resolution, as a small document and its digest.

Computed from the stack file alone, so that staleness is known offline. A layer's
description, environment or files are not in it: they move no package.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping
from typing import Any

from stackyard.lock.model import fork_of
from stackyard.lock.units import Unit


def asked(unit: Unit, forked: Collection[str]) -> dict[str, Any]:
    """What *unit* asks for, as JSON with sorted keys and lists.

    Which layers meet in an image counts only where layers contradict each other:
    all others have one common resolution, and any image made of them fits it.

    Args:
        unit: what is to be resolved.
        forked: the layers that contradict others, as found when locking.
    """
    bottom = unit.layers[unit.base]
    together: dict[tuple[str, ...], set[str]] = {}
    if forked:
        for closure in unit.images.values():
            together.setdefault(fork_of(closure, forked), set()).update(closure)
    return {
        "base": str(bottom.base),
        "apt": sorted(bottom.bootstrapped),
        "python": unit.python,
        "platforms": sorted(unit.platforms),
        "layers": {
            name: {
                "on": sorted(layer.on),
                "pip": sorted({" ".join(line.split()) for line in layer.pip}),
            }
            for name, layer in sorted(unit.layers.items())
        },
        "together": [
            {"fork": list(fork), "layers": sorted(layers)}
            for fork, layers in sorted(together.items())
        ],
    }


def digest(document: Mapping[str, Any]) -> str:
    """The digest of what `asked` gave."""
    text = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"
