"""The real programs that take the images: a registry, docker, and podman's and buildah's storage.

Each has its state in a folder of the tests.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from realyard import ask, free_port, run, server

REGISTRY = """
version: 0.1
log: {{level: info, accesslog: {{disabled: false}}}}
storage:
  filesystem: {{rootdirectory: {root}}}
http: {{addr: "{host}"}}
{more}
"""


@dataclass(frozen=True)
class Registry:
    """Docker's registry on the loopback device."""

    host: str
    log: Path

    def sent(self) -> int:
        """How many blobs it has been sent so far."""
        return self.log.read_text().count('"POST /v2/')


@contextmanager
def registry(folder: Path, more: str = "") -> Iterator[Registry]:
    """Start a registry."""
    folder.mkdir(exist_ok=True)
    host = f"127.0.0.1:{free_port()}"
    (folder / "config.yml").write_text(REGISTRY.format(root=folder / "data", host=host, more=more))
    log = folder / "registry.log"
    with server(
        *("docker-registry", "serve", folder / "config.yml"),
        log=log,
        ready=lambda: ask(f"http://{host}/v2/"),
    ):
        yield Registry(host, log)


@dataclass(frozen=True)
class Docker:
    """A docker daemon of ours; containers use the machine's network."""

    env: Mapping[str, str]

    def __call__(self, *words: object) -> str:
        return run("docker", *words, env=self.env)

    def exec(self, container: str, *words: object) -> str:
        """Run a program in a container."""
        return self("exec", container, *words)

    def python(self, container: str, script: str) -> str:
        """Run a script by the container's Python."""
        return self.exec(container, "python3", "-c", script)


@contextmanager
def docker(folder: Path) -> Iterator[Docker]:
    """Start a docker daemon that leaves the machine's network and other daemons alone."""
    folder.mkdir(exist_ok=True)
    # A socket's path may have at most 107 characters.
    with tempfile.TemporaryDirectory(prefix="docker-") as short:
        env = {"DOCKER_HOST": f"unix://{short}/socket", "DOCKER_CONFIG": str(folder / "client")}
        (folder / "daemon.json").write_text("{}")

        def ready() -> bool | None:
            asked = subprocess.run(
                ["docker", "version"],
                env={**os.environ, **env},
                capture_output=True,
                check=False,
            )
            return True if asked.returncode == 0 else None

        assert shutil.which("dockerd"), "dockerd is not installed: apt-get install docker.io"
        with (
            _unmounted(short),
            server(
                "dockerd",
                *("--config-file", folder / "daemon.json"),
                *("--data-root", folder / "data"),
                *("--exec-root", f"{short}/exec"),
                *("--pidfile", f"{short}/pid"),
                *("--host", f"unix://{short}/socket"),
                *("--bridge=none", "--iptables=false", "--ip6tables=false"),
                log=folder / "dockerd.log",
                ready=ready,
            ),
        ):
            yield Docker(env)


@contextmanager
def _unmounted(folder: str) -> Iterator[None]:
    """Take away what a daemon leaves mounted in its folder when it ends."""
    try:
        yield
    finally:
        mounts = [line.split()[1] for line in Path("/proc/self/mounts").read_text().splitlines()]
        for mount in reversed([mount for mount in mounts if mount.startswith(f"{folder}/")]):
            run("umount", mount)


@dataclass(frozen=True)
class Storage:
    """Containers storage of ours, which podman and buildah share."""

    options: tuple[str, ...]
    env: Mapping[str, str]

    def __call__(self, program: str, *words: object) -> str:
        return run(program, *self.options, *words, env=self.env)


@contextmanager
def storage(folder: Path) -> Iterator[Storage]:
    """Make a storage for podman and buildah."""
    folder.mkdir(exist_ok=True)
    conf = folder / "storage.conf"
    # podman takes at most 50 characters for its run root.
    with tempfile.TemporaryDirectory(prefix="run-") as short:
        conf.write_text(
            f'[storage]\ndriver = "overlay"\n'
            f'graphroot = "{folder / "graph"}"\nrunroot = "{short}"\n'
        )
        options = ("--root", str(folder / "graph"), "--runroot", short)
        env = {
            "CONTAINERS_STORAGE_CONF": str(conf),
            "STORAGE_DRIVER": "overlay",
            "TMPDIR": str(folder),
        }
        yield Storage(options, env)
