"""What becomes of users' saved choices that are gone; a program of its own, run by the tests.

Writes JSON: which profiles the form has checked for a user whose saved profile is gone; and
how starts end, without the form, with a profile and with a choice that are gone.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
from typing import Any

from spawnpage import spawner

IMAGE = {"kubespawner_override": {"image": "x"}}
PROFILES: list[Any] = [
    {
        "display_name": "A",
        "slug": "a",
        "default": True,
        "profile_options": {
            "image": {"display_name": "V", "choices": {"x": {"display_name": "X", **IMAGE}}}
        },
    },
    {"display_name": "B", "slug": "b", **IMAGE},
]


async def start(options: dict[str, str]) -> str:
    made = spawner(PROFILES)
    made.user_options = options
    try:
        await made.load_user_options()
    except (ValueError, KeyError) as error:
        return type(error).__name__
    return "started"


async def main() -> None:
    made = spawner(PROFILES)
    made.user_options = {"profile": "gone"}
    checked = re.findall(r'value="(\w+)"\s+checked', made._options_form_default())
    starts = [await start({"profile": "gone"}), await start({"profile": "a", "image": "gone"})]
    json.dump({"checked": checked, "starts": starts}, sys.stdout)


if __name__ == "__main__":
    asyncio.run(main())
