"""A spawner that asks KubeSpawner for everything, and runs the pod as a container.

KubeSpawner renders the form, checks the submission, applies the profile and writes the
pod's manifest: all of it its own code, and none of it asks a cluster.
"""

from __future__ import annotations

import asyncio
import json
import os
import resource
import time
from typing import Any, NoReturn

import kubespawner.spawner
from docker.errors import APIError, DockerException
from docker.types import Ulimit
from dockerspawner import DockerSpawner
from jupyterhub import __version__
from jupyterhub.utils import random_port
from kubespawner import KubeSpawner
from tornado.httpclient import AsyncHTTPClient, HTTPClientError, HTTPResponse
from traitlets import Dict, Float, Integer, Unicode, default

from .failures import IMAGE, StartError, ended, words
from .pods import Container, container_of

HOME = "/home/jovyan"
_LOOPBACK = "127.0.0.1"
_LAST_LINES = 20
_PROCESSES = 32768  # what podman's service has itself, whatever it was started with
_STOPPING = 3  # seconds for a server to end by itself

kubespawner.spawner.load_config = lambda **_: None  # there is no cluster to find


class PodSpawner(DockerSpawner):  # type: ignore[misc]  # it has no types
    """Runs what KubeSpawner would run, with an engine on this machine."""

    events = Integer(help="The descriptor to which what happens is told.").tag(config=True)
    labels = Dict(help="Of all that is made.").tag(config=True)
    patience = Float(120, help="Seconds for a server to answer.").tag(config=True)
    engine = Unicode(help="docker or podman.").tag(config=True)
    limits = Dict(help="Which limits the engine can set: memory, cpu.").tag(config=True)

    _answered = False

    @default("options_form")
    def _kubespawners_form(self) -> Any:
        async def form(_spawner: object) -> Any:
            return await self._kubespawner().get_options_form()

        return form

    @default("options_from_form")
    def _kubespawners_options(self) -> Any:
        return lambda formdata: self._kubespawner().options_from_form(formdata)

    def _kubespawner(self) -> Any:
        """A KubeSpawner as it is before a start: what it was told is what our user chose."""
        made = KubeSpawner(
            _mock=True,
            config=self.config,
            user=self.user,
            hub=self.hub,
            orm_spawner=self.orm_spawner,
        )
        made.user_options = dict(self.user_options or {})
        return made

    async def start(self) -> tuple[str, int]:
        """Start the user's server.

        Raises:
            StartError: there is no such profile or choice, or the container cannot be
                started, ends, or does not answer in time.
        """
        began = time.monotonic()
        told = {"user": self.user.name, "options": dict(self.user_options or {})}
        try:
            container = await self._container()
            self._tell("starting", **told, image=container.image)
            version = await self._run(container)
        except Exception as error:
            await self._remove()
            failed = error if isinstance(error, StartError) else StartError(words(error))
            self._tell(
                "failed",
                **told,
                reason=failed.message,
                lines=failed.lines,
                hint=failed.hint,
                seconds=time.monotonic() - began,
            )
            raise failed from error
        self._answered = True
        seconds = time.monotonic() - began
        self._tell("ready", **told, seconds=seconds, version=version, hub=__version__)
        return _LOOPBACK, self.port

    async def _container(self) -> Container:
        kube = self._kubespawner()
        await kube.load_user_options()
        pod = await kube.get_pod_manifest()
        # Only the servers' own address differs from a cluster's: a free port of this machine.
        self.ip, self.port = _LOOPBACK, random_port()
        self.image = kube.image
        return container_of(pod.to_dict(), kube.environment, self.get_env())

    async def _run(self, container: Container) -> str:
        """Run the container until it answers; the version of the image's JupyterHub."""
        try:
            home = await self._home(container)
            made = await self._create(container, home)
            self.object_id = made["Id"]
            await self.docker("start", self.object_id)
        except APIError as error:
            if error.status_code == 404 and "image" in words(error).lower():
                message = f"{container.image} is not in {self.engine}, and a preview pulls nothing"
                hint = "build that image and load it, or choose another one"
                raise StartError(message, hint=hint) from error
            raise StartError(f"{self.engine} could not start it", [words(error)]) from error
        return await self._until_it_answers()

    async def _home(self, container: Container) -> str:
        """The volume with the user's home: empty at first, theirs, there for the session."""
        volume = f"{self.prefix}-{self.escaped_name}"
        await self.docker("create_volume", volume, labels=self.labels)
        if container.owner:
            helper = await self.docker(
                "create_container",
                container.image,
                entrypoint=["chown"],
                command=[container.owner, HOME],
                user="0:0",
                labels=self.labels,
                healthcheck={"test": ["NONE"]},
                host_config=self._host([f"{volume}:{HOME}:nocopy"], network_mode="none"),
            )
            try:
                await self.docker("start", helper["Id"])
                await self.docker("wait", helper["Id"])
            except APIError as error:
                message = "the image's chown, which gives the home to its user, does not run"
                hint = "an image needs a shell and its usual programs"
                raise StartError(message, [words(error)], hint=hint) from error
            finally:
                await self.docker("remove_container", helper["Id"], force=True)
        return volume

    async def _create(self, container: Container, home: str) -> Any:
        await self._remove()
        host = self._host(
            [f"{home}:{HOME}:nocopy"],
            network_mode="host",
            security_opt=None if container.may_gain_privileges else ["no-new-privileges"],
            group_add=container.groups or None,
            mem_limit=container.memory if self.limits.get("memory") else None,
            cpu_period=100_000 if container.cpus and self.limits.get("cpu") else None,
            cpu_quota=(
                int(container.cpus * 100_000) if container.cpus and self.limits.get("cpu") else None
            ),
        )
        return await self.docker(
            "create_container",
            container.image,
            name=self.object_name,
            command=container.command,
            environment=container.environment,
            working_dir=container.working_dir,
            user=container.user,
            labels=self.labels,
            # Kubernetes does not know of it either.
            healthcheck={"test": ["NONE"]},
            host_config=host,
        )

    def _host(self, binds: list[str], **more: Any) -> Any:
        if self.engine == "podman":
            # It would raise them above what its own process may have.
            more["ulimits"] = [
                _limit("nofile", resource.RLIMIT_NOFILE, None),
                _limit("nproc", resource.RLIMIT_NPROC, _PROCESSES),
            ]
        return self.client.create_host_config(binds=binds, **more)

    async def _until_it_answers(self) -> str:
        address = f"http://{_LOOPBACK}:{self.port}{self.server.base_url}api"
        end = time.monotonic() + self.patience
        while True:
            answer = await _answer(address)
            if answer is not None:
                return str(answer.headers.get("X-JupyterHub-Version", ""))
            state = (await self.docker("inspect_container", self.object_id))["State"]
            if not state["Running"]:
                await self._fail(*ended(state))
            if time.monotonic() > end:
                await self._fail(f"no answer on its port after {self.patience:g} s", IMAGE)
            await asyncio.sleep(0.1)

    async def _fail(self, message: str, hint: str) -> NoReturn:
        raise StartError(message, await self._lines(), hint=hint)

    async def _lines(self) -> list[str]:
        """The end of the container's output."""
        try:
            said = await self.docker("logs", self.object_id, tail=_LAST_LINES)
        except DockerException:
            return []
        return bytes(said).decode("utf-8", "replace").splitlines()

    async def _remove(self) -> None:
        """Remove the user's container, if there is one."""
        try:
            await self.docker("remove_container", self.object_name, v=True, force=True)
        except DockerException as error:
            self.log.debug("No container to remove: %s", error)
        self.object_id = ""

    async def poll(self) -> Any:
        """None while the server runs; tells when it ended by itself."""
        status = await super().poll()
        if status is not None and self._answered:
            self._answered = False
            found = await self.get_object()
            reason, hint = ended(found["State"]) if found else ("its container is gone", IMAGE)
            lines = await self._lines()
            self._tell("ended", user=self.user.name, reason=reason, lines=lines, hint=hint)
        return status

    async def stop(self, now: bool = False) -> None:
        """Stop the server and remove its container; the user's home stays."""
        self._answered = False
        try:
            await self.docker("stop", self.object_name, timeout=0 if now else _STOPPING)
        except DockerException as error:
            self.log.debug("No container to stop: %s", error)
        await self._remove()
        self.clear_state()
        self._tell("stopped", user=self.user.name)

    def _tell(self, event: str, **what: Any) -> None:
        line = json.dumps({"event": event, **what}) + "\n"
        try:
            os.write(self.events, line.encode())
        except OSError as error:
            self.log.debug("Nobody listens: %s", error)


def _limit(name: str, kind: int, most: int | None) -> Any:
    own = resource.getrlimit(kind)[1]
    value = own if most is None else most if own == resource.RLIM_INFINITY else min(own, most)
    return Ulimit(name=name, soft=value, hard=value)


async def _answer(address: str) -> HTTPResponse | None:
    try:
        return await AsyncHTTPClient().fetch(
            address, request_timeout=5, follow_redirects=False, raise_error=False
        )
    except (OSError, HTTPClientError):
        return None
