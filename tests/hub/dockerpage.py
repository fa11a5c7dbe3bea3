"""What DockerSpawner makes of a `jupyterhub_config.py`; a program of its own, run by the tests.

Arguments: the configuration. Writes JSON: the spawn form's HTML, the image of who does not
choose, and for each of the form's values the image that its submission starts.
"""

from __future__ import annotations

import asyncio
import json
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

from dockerspawner import DockerSpawner
from jupyterhub.app import JupyterHub
from jupyterhub.objects import Hub
from spawnpage import User
from traitlets.config import Config
from traitlets.config.loader import PyFileConfigLoader


class Options(HTMLParser):
    """The options as a browser reads them: what each sends and what it shows."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.sent: list[str] = []
        self.shown: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "option":
            self.sent.append(dict(attrs)["value"] or "")
            self.shown.append("")

    def handle_endtag(self, tag: str) -> None:
        if tag == "option":
            self.shown[-1] += "\0"

    def handle_data(self, data: str) -> None:
        if self.shown and not self.shown[-1].endswith("\0"):
            self.shown[-1] += data


async def chosen(config: Config, name: str) -> str:
    """The image that a submission starts."""
    spawner = spawner_of(config)
    spawner.user_options = spawner.options_from_form({"image": [name]})
    image: str = await spawner.check_allowed(spawner.user_options["image"])
    return image


def spawner_of(config: Config) -> Any:
    made = JupyterHub(config=config).spawner_class(config=config, user=User(), hub=Hub())
    assert isinstance(made, DockerSpawner)
    return made


async def main(path: Path) -> None:
    config = PyFileConfigLoader(path.name, str(path.parent)).load_config()
    spawner = spawner_of(config)
    form = spawner._default_options_form()
    options = Options(form)
    json.dump(
        {
            "class": type(spawner).__name__,
            "form": form,
            "shown": [text.removesuffix("\0") for text in options.shown],
            "default": spawner.image,
            "chosen": {name: await chosen(config, name) for name in options.sent},
            "remove": spawner.remove,
            "policy": spawner.pull_policy,
        },
        sys.stdout,
    )


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
