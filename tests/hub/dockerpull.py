"""DockerSpawner pulls an image and makes a container of it; a program of its own.

Arguments: the configuration. Uses the daemon of the environment. Writes JSON: the image,
what the daemon knows of it, and the image of the container.
"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

from dockerpage import spawner_of
from traitlets.config.loader import PyFileConfigLoader


async def main(path: Path) -> None:
    config = PyFileConfigLoader(path.name, str(path.parent)).load_config()
    spawner = spawner_of(config)
    await spawner.pull_image(spawner.image)
    found = await spawner.docker("inspect_image", spawner.image)
    made = await spawner.docker("create_container", image=spawner.image, command="true")
    container = await spawner.docker("inspect_container", made["Id"])
    await spawner.docker("remove_container", made["Id"])
    json.dump(
        {"image": spawner.image, "digests": found["RepoDigests"], "id": found["Id"]}
        | {"started": container["Image"]},
        sys.stdout,
    )


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
