"""What KubeSpawner makes of a profile list; a program of its own, run by the tests.

Reads a profile list (JSON) from stdin. Writes JSON: the spawn form's HTML, and for
each profile and choice the image and environment of the pod, as the form's
submission selects them. The last entry is the pod of an empty submission.
"""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any
from unittest import mock

from jupyterhub.objects import Hub, Server
from jupyterhub.orm import Spawner
from kubespawner import KubeSpawner, _version
from traitlets.config import Config

TYPED = "ghcr.io/acme/typed:1"


class User:
    """As much of a hub's user as a pod needs."""

    id = 1
    name = "ada"
    escaped_name = "ada"
    url = "/user/ada/"
    settings: dict[str, Any] = {}  # noqa: RUF012 - nobody changes it


def spawner(profiles: list[Any]) -> KubeSpawner:
    config = Config(KubeSpawner={"profile_list": profiles, "environment": {"HUB": "campus"}})
    with mock.patch("kubespawner.spawner.load_config", mock.Mock()):
        made = KubeSpawner(
            _mock=True,
            config=config,
            user=User(),
            hub=Hub(public_host="", base_url="/hub/", ip="10.0.0.1", port=8081),
            orm_spawner=Spawner(name=""),
        )
    made.server = Server(port=8888)
    made.api_token = "token"
    made.oauth_client_id = "client"
    return made


async def pod(profiles: list[Any], submission: dict[str, list[str]]) -> dict[str, Any]:
    made = spawner(profiles)
    made.user_options = made.options_from_form(submission)
    await made.load_user_options()
    manifest = await made.get_pod_manifest()
    container = manifest.to_dict()["spec"]["containers"][0]
    return {
        "options": made.user_options,
        "image": container["image"],
        "env": {entry["name"]: entry["value"] for entry in container["env"]},
        "resources": container["resources"],
    }


def submissions(profiles: list[Any]) -> list[dict[str, list[str]]]:
    """Each profile with each choice of each option, the others as they are preselected."""
    found: list[dict[str, list[str]]] = []
    for profile in profiles:
        slug, options = profile["slug"], profile.get("profile_options", {})
        chosen = {"profile": [slug]}
        named = [
            {f"profile-option-{slug}--{key}": [choice]}
            for key, option in options.items()
            for choice in option["choices"]
        ]
        named += [
            {f"profile-option-{slug}--{key}--unlisted-choice": [TYPED]}
            for key, option in options.items()
            if "unlisted_choice" in option
        ]
        found += [{**chosen, **choice} for choice in named or [{}]]
    return [*found, {}]


async def main() -> None:
    profiles = json.load(sys.stdin)
    pods = [await pod(profiles, submission) for submission in submissions(profiles)]
    form = spawner(profiles)._options_form_default()
    json.dump({"version": _version.__version__, "form": form, "pods": pods}, sys.stdout)


if __name__ == "__main__":
    asyncio.run(main())
