"""The image under a real JupyterHub: spawned through its API, reached through its proxy."""

from __future__ import annotations

import secrets
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from realengines import Docker
from realyard import Yard, answered, ask, free_port, server, until

pytestmark = pytest.mark.real


@dataclass(frozen=True)
class Hub:
    """A running hub."""

    url: str
    token: str
    log: Path

    def post(self, path: str) -> int:
        """Ask the hub's API for something; the status it answers with."""
        reply = ask(f"{self.url}/hub/api/{path}", token=self.token, method="POST")
        assert reply is not None, self.log.read_text()
        return reply[0]

    def get(self, path: str) -> dict[str, Any] | None:
        """What the hub or, through its proxy, a server answers."""
        return answered(f"{self.url}/{path}", token=self.token)

    def wait(self, path: str) -> dict[str, Any]:
        """What is answered, once it is."""
        return until(lambda: self.get(path), alive=lambda: True, log=self.log)


@pytest.fixture(scope="module")
def hub(docker: Docker, loaded: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    folder = tmp_path_factory.mktemp("hub")
    url, token, log = f"http://127.0.0.1:{free_port()}", secrets.token_hex(16), folder / "hub.log"
    env = {
        **docker.env,
        # Where Debian keeps what its proxy needs; a Node from elsewhere does not look there.
        "NODE_PATH": "/usr/share/nodejs",
        "TEST_IMAGE": loaded,
        "TEST_HOME": str(folder / "home"),
        "TEST_URL": url,
        "TEST_HUB_PORT": str(free_port()),
        "TEST_PROXY_PORT": str(free_port()),
        "TEST_TOKEN": token,
    }
    jupyterhub = Path(sys.executable).with_name("jupyterhub")
    config = Path(__file__).with_name("jupyterhub_config.py")
    with server(
        *(jupyterhub, "--config", config),
        log=log,
        ready=lambda: answered(f"{url}/hub/api/"),
        env=env,
        cwd=folder,
    ):
        yield Hub(url, token, log)


def test_a_user_gets_a_server(hub: Hub, docker: Docker, loaded: str, built: Yard) -> None:
    assert hub.post("users/ada") == 201
    assert hub.post("users/ada/server") in {201, 202}
    status = hub.wait("user/ada/api/status")
    assert status["kernels"] == 0
    assert hub.get("hub/api/users/ada")["servers"][""]["ready"]
    locked = built.locked("py311", "base", "singleuser")
    page = ask(f"{hub.url}/user/ada/lab", token=hub.token)
    assert page is not None
    assert page[0] == 200
    assert f'"appVersion": "{locked["jupyterlab"].version}"' in page[1]
    (container,) = docker("ps", "--quiet", "--filter", f"ancestor={loaded}").split()
    assert docker.exec(container, "stat", "-c", "%U", "/proc/1").strip() == "jovyan"
    assert docker.exec(container, "cat", "/proc/1/cmdline").split("\0")[:4] == [
        *("tini", "-g", "--", "jupyterhub-singleuser"),
    ]
    # What a stranger asks for is not answered but sent to the hub's login.
    assert "Sign in" in ask(f"{hub.url}/user/ada/lab")[1]


def test_a_kernel_starts_in_it(hub: Hub) -> None:
    assert ask(f"{hub.url}/user/ada/api/kernels", token=hub.token, method="POST")[0] == 201
    assert [k["name"] for k in hub.get("user/ada/api/kernels")] == ["python3"]
