"""Which values KubeSpawner's traits take; a program of its own, run by the tests.

Reads names of traits (JSON) from stdin. Writes JSON: those that KubeSpawner does not
have, and for each other one the values tried and whether it took them.
"""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

from kubespawner import KubeSpawner
from spawnpage import spawner
from traitlets import TraitError

VALUES: list[Any] = [
    None,
    True,
    3,
    0.5,
    "text",
    "8G",
    "8Gi",
    "safe",
    [],
    ["text"],
    [3],
    {},
]


def takes(made: KubeSpawner, name: str, value: Any) -> bool:
    try:
        made.traits()[name]._validate(made, value)
    except (TraitError, TypeError):  # ByteSpecification slices before it looks
        return False
    return True


async def main() -> None:
    names = json.load(sys.stdin)
    made = spawner([])
    known = made.traits(config=True)
    tried = {n: [(v, takes(made, n, v)) for v in VALUES] for n in names if n in known}
    json.dump({"unknown": sorted(set(names) - set(known)), "tried": tried}, sys.stdout)


if __name__ == "__main__":
    asyncio.run(main())
