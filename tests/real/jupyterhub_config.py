"""A hub whose servers are containers of an image in docker; see test_real_jupyterhub.

The tests give the image, the ports and the token by environment variables.
"""

from __future__ import annotations

import os

from jupyterhub.spawner import SimpleLocalProcessSpawner


class ContainerSpawner(SimpleLocalProcessSpawner):
    """Runs the image's own command in a container, with what the hub tells its servers."""

    def get_env(self) -> dict[str, str]:
        env = super().get_env()
        told = [
            part for name in env if name.startswith(("JUPYTER", "JPY")) for part in ("-e", name)
        ]
        self.cmd = ["docker", "run", "--rm", "--network=host", *told, os.environ["TEST_IMAGE"]]
        return env | {"DOCKER_HOST": os.environ["DOCKER_HOST"]}


c = get_config()  # noqa: F821 - JupyterHub defines it

c.JupyterHub.spawner_class = ContainerSpawner
c.Spawner.env_keep = ["PATH"]
c.Spawner.start_timeout = 120
c.Spawner.http_timeout = 120
c.SimpleLocalProcessSpawner.home_dir_template = os.environ["TEST_HOME"]

c.JupyterHub.bind_url = os.environ["TEST_URL"]
c.JupyterHub.hub_port = int(os.environ["TEST_HUB_PORT"])
c.ConfigurableHTTPProxy.api_url = f"http://127.0.0.1:{os.environ['TEST_PROXY_PORT']}"
c.JupyterHub.db_url = "sqlite://"
c.JupyterHub.cookie_secret = os.urandom(32)
c.JupyterHub.authenticator_class = "dummy"
c.Authenticator.allow_all = True
c.JupyterHub.services = [{"name": "tests", "api_token": os.environ["TEST_TOKEN"]}]
c.JupyterHub.load_roles = [
    {
        "name": "tests",
        "scopes": ["admin:users", "admin:servers", "access:servers"],
        "services": ["tests"],
    }
]
