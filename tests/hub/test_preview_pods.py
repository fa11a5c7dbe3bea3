"""What of a pod reaches the container: KubeSpawner itself makes the pod."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from spawnpage import spawner

from stackyard.hub.preview.hubside.pods import Container, container_of

FIXED = {"JUPYTERHUB_SERVICE_URL": "http://127.0.0.1:4711/user/ada/", "JUPYTERHUB_USER": "ada"}


def made(**override: Any) -> Container:
    profile = {"display_name": "A", "kubespawner_override": {"image": "a:1", **override}}

    async def pod() -> tuple[dict[str, Any], dict[str, str]]:
        kube = spawner([profile])
        kube.user_options = {}
        await kube.load_user_options()
        return (await kube.get_pod_manifest()).to_dict(), kube.environment

    manifest, own = asyncio.run(pod())
    return container_of(manifest, own, FIXED)


def test_a_plain_profile_keeps_the_images_command_and_user() -> None:
    container = made()
    assert (container.image, container.command, container.user) == ("a:1", None, None)
    assert (container.memory, container.cpus, container.groups) == (None, None, [])
    assert not container.may_gain_privileges
    assert container.environment["JUPYTER_IMAGE"] == "a:1"


def test_the_hub_says_where_the_server_listens() -> None:
    assert FIXED.items() <= made().environment.items()


def test_what_the_profile_sets_itself_wins_as_on_a_cluster() -> None:
    environment = made(environment={"JUPYTERHUB_USER": "eve"}).environment
    assert environment["JUPYTERHUB_USER"] == "eve"


def test_limits_and_users() -> None:
    container = made(
        mem_limit="2G", cpu_limit=0.5, uid=1001, gid=5, fs_gid=100, supplemental_gids=[7]
    )
    assert (container.memory, container.cpus) == (2 << 30, 0.5)
    assert (container.user, container.owner) == ("1001:5", "1001:100")
    assert container.groups == [7, 100]


def test_the_command_is_the_entrypoints_arguments() -> None:
    container = made(cmd=["start.sh", "--for=$(JUPYTERHUB_USER)"], args=["--x"], working_dir="/w")
    assert container.command == ["start.sh", "--for=ada", "--x"]
    assert container.working_dir == "/w"


@pytest.mark.parametrize(
    ("written", "seen"),
    [
        ("$(FIRST)/b", "a/b"),
        ("$$(FIRST)", "$(FIRST)"),
        ("$(NOBODY)", "$(NOBODY)"),
        ("{{ }} $HOME", "{ } $HOME"),
        ("{username}", "ada"),
    ],
)
def test_environment_is_expanded_by_kubespawner_and_kubernetes(written: str, seen: str) -> None:
    environment = made(environment={"FIRST": "a", "SECOND": written}).environment
    assert environment["SECOND"] == seen


def test_privileges_only_where_the_profile_gives_them() -> None:
    assert made(allow_privilege_escalation=True).may_gain_privileges
