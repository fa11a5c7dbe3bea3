"""The preview hub's configuration: everything on the loopback device, nothing on disk."""

from __future__ import annotations

import json
import os
import sys
from importlib.util import find_spec
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parent.parent))

from hubside.podspawner import PodSpawner

settings = json.loads(Path(os.environ["STACKYARD_PREVIEW"]).read_text())
os.set_inheritable(settings["events"], False)

c = get_config()  # type: ignore[name-defined]  # noqa: F821 - JupyterHub defines it

c.JupyterHub.bind_url = f"http://127.0.0.1:{settings['port']}"
c.JupyterHub.hub_bind_url = f"http://127.0.0.1:{settings['hub_port']}"
c.ConfigurableHTTPProxy.api_url = f"http://127.0.0.1:{settings['proxy_port']}"
c.ConfigurableHTTPProxy.command = settings["proxy"]
c.ConfigurableHTTPProxy.auth_token = os.urandom(32).hex()
c.JupyterHub.cookie_secret = os.urandom(32)
c.JupyterHub.db_url = "sqlite://"
c.JupyterHub.template_vars = {
    "announcement_login": "This is a preview. Take any user name, and the password that "
    "<code>stackyard hub</code> printed."
}

c.Authenticator.allow_all = True
if find_spec("jupyterhub.authenticators"):  # since JupyterHub 5.3
    shared = "jupyterhub.authenticators.shared.SharedPasswordAuthenticator"
    c.JupyterHub.authenticator_class = shared
    c.SharedPasswordAuthenticator.user_password = settings["password"]
else:
    c.JupyterHub.authenticator_class = "dummy"
    c.DummyAuthenticator.password = settings["password"]

c.JupyterHub.spawner_class = PodSpawner
c.Spawner.start_timeout = 150
c.Spawner.http_timeout = 30
c.Spawner.poll_interval = 5
c.DockerSpawner.client_kwargs = {"base_url": settings["address"]}
c.DockerSpawner.prefix = settings["prefix"]
c.DockerSpawner.name_template = "{prefix}-{username}"
c.PodSpawner.events = settings["events"]
c.PodSpawner.labels = settings["labels"]
c.PodSpawner.engine = settings["engine"]
c.PodSpawner.limits = settings["limits"]

# What the Zero to JupyterHub chart gives its servers.
c.KubeSpawner.profile_list = settings["profiles"]
c.KubeSpawner.uid = 1000
c.KubeSpawner.fs_gid = 100
c.KubeSpawner.allow_privilege_escalation = False
