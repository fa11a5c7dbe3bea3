"""What KubeSpawner gets from a `jupyterhub_config.py`; a program of its own, run by the tests.

Arguments: the configuration. Writes JSON: the profile list, its slugs in the spawn form, and
the pull secrets.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
from pathlib import Path
from unittest import mock

from kubespawner import KubeSpawner
from traitlets.config.loader import PyFileConfigLoader


async def main(path: Path) -> None:
    config = PyFileConfigLoader(path.name, str(path.parent)).load_config()
    with mock.patch("kubespawner.spawner.load_config", mock.Mock()):
        spawner = KubeSpawner(_mock=True, config=config)
    json.dump(
        {
            "list": spawner.profile_list,
            "secrets": spawner.image_pull_secrets,
            "form": re.findall(r'name="profile"\s+id="[^"]+"\s+value="([^"]+)"', form(spawner)),
        },
        sys.stdout,
    )


def form(spawner: KubeSpawner) -> str:
    rendered: str = spawner._options_form_default()
    return rendered


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
