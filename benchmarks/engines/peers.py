"""The two container engines, each apart from whatever else is on the machine."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from engines.programs import daemon, run, timed
from engines.recipe import Recipe

DOCKER = "/usr/bin/docker"
"""Debian's: another client on PATH may lack BuildKit."""


class Engine(Protocol):
    """A container engine that builds and pushes."""

    name: str

    def version(self) -> str:
        """The engine and its version."""

    def pull(self, reference: str) -> None:
        """Bring in an image."""

    def load(self, archive: Path) -> None:
        """Bring in the image of a docker archive, under its name."""

    def build(self, recipe: Recipe, tag: str) -> float:
        """Build from a recipe; seconds. Layers are used again only where the recipe is warm."""

    def build_child(self, context: Path, parent: str, tag: str) -> float:
        """Build a folder with a Dockerfile on an image, layers used again; seconds."""

    def show(self, tag: str, command: str) -> str:
        """What a shell command prints in an image."""

    def push(self, tag: str) -> float:
        """Push an image; seconds."""

    def forget(self, tag: str) -> None:
        """Remove an image and whatever was cached in building it."""


class BuildKit:
    """BuildKit in a docker daemon of ours, with all its state in one folder.

    Use `started`.
    """

    name = "buildkit"

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._env = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "DOCKER_HOST": f"unix://{folder}/socket",
            "DOCKER_BUILDKIT": "1",
        }

    @classmethod
    @contextmanager
    def started(cls, folder: Path) -> Iterator[BuildKit]:
        """The engine, for as long as the block lasts."""
        folder.mkdir()
        engine = cls(folder)
        (folder / "daemon.json").write_text("{}")
        with daemon(
            [
                "dockerd",
                *("--config-file", folder / "daemon.json"),
                *("--data-root", folder / "data"),
                *("--exec-root", folder / "exec"),
                *("--pidfile", folder / "pid"),
                *("--host", f"unix://{folder}/socket"),
                *("--bridge=none", "--iptables=false", "--ip6tables=false"),
            ],
            ready=[DOCKER, "version"],
            log=folder / "log",
            env=engine._env,
        ):
            yield engine

    def version(self) -> str:
        """The version in words."""
        words = run([DOCKER, "version", "--format", "{{.Server.Version}}"], env=self._env)
        driver = run([DOCKER, "info", "--format", "{{.Driver}}"], env=self._env)
        return f"BuildKit in docker {words.strip()}, storage driver {driver.strip()}"

    def pull(self, reference: str) -> None:
        """Bring in an image."""
        run([DOCKER, "pull", reference], env=self._env)

    def build(self, recipe: Recipe, tag: str) -> float:
        """Build from a recipe; seconds."""
        return timed(
            [
                *(DOCKER, "build", "--network=host", "--progress=plain"),
                *(() if recipe.warm else ("--no-cache",)),
                *("-f", recipe.folder / "Containerfile", "-t", tag, recipe.folder),
            ],
            env=self._env,
        )

    def load(self, archive: Path) -> None:
        """Bring in the image of a docker archive, under its name."""
        run([DOCKER, "load", "--input", archive], env=self._env)

    def build_child(self, context: Path, parent: str, tag: str) -> float:
        """Build a folder with a Dockerfile on an image; seconds."""
        return timed(
            [
                *(DOCKER, "build", "--network=host", "--progress=plain"),
                *("--build-arg", f"BASE_IMAGE={parent}", "-t", tag, context),
            ],
            env=self._env,
        )

    def show(self, tag: str, command: str) -> str:
        """What a shell command prints in an image."""
        return run(
            [DOCKER, "run", "--rm", "--network=none", tag, "sh", "-c", command], env=self._env
        )

    def push(self, tag: str) -> float:
        """Push an image; seconds."""
        return timed([DOCKER, "push", tag], env=self._env)

    def forget(self, tag: str) -> None:
        """Remove an image and what building it left."""
        run([DOCKER, "image", "rm", tag], env=self._env)
        run([DOCKER, "builder", "prune", "--all", "--force"], env=self._env)


class Buildah:
    """buildah with chroot isolation, with all its state in one folder.

    Use `started`.
    """

    name = "buildah"

    def __init__(self, folder: Path) -> None:
        self._env = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "TMPDIR": str(folder),
            "REGISTRY_AUTH_FILE": str(folder / "auth.json"),
        }
        self._buildah = (
            *("buildah", "--root", folder / "root", "--runroot", folder / "runroot"),
            *("--storage-driver", "overlay"),
        )

    @classmethod
    @contextmanager
    def started(cls, folder: Path) -> Iterator[Buildah]:
        """The engine, for as long as the block lasts."""
        folder.mkdir()
        (folder / "auth.json").write_text("{}")
        engine = cls(folder)
        try:
            yield engine
        finally:
            engine._run("rmi", "--all", "--force")

    def _run(self, *arguments: str | Path) -> str:
        return run([*self._buildah, *arguments], env=self._env)

    def version(self) -> str:
        """The version in words."""
        return f"{self._run('--version').strip()}, chroot isolation, storage driver overlay"

    def pull(self, reference: str) -> None:
        """Bring in an image."""
        self._run("pull", "--tls-verify=false", reference)

    def build(self, recipe: Recipe, tag: str) -> float:
        """Build from a recipe; seconds."""
        return timed(
            [
                *(*self._buildah, "build", "--isolation=chroot", "--pull=never"),
                "--layers" if recipe.warm else "--no-cache",
                *("-f", recipe.folder / "Containerfile", "-t", tag, recipe.folder),
            ],
            env=self._env,
        )

    def load(self, archive: Path) -> None:
        """Bring in the image of a docker archive, under its name."""
        self._run("pull", "--quiet", f"docker-archive:{archive}")

    def build_child(self, context: Path, parent: str, tag: str) -> float:
        """Build a folder with a Dockerfile on an image; seconds."""
        return timed(
            [
                *(*self._buildah, "build", "--isolation=chroot", "--pull=never", "--layers"),
                *("--build-arg", f"BASE_IMAGE={parent}", "-t", tag, context),
            ],
            env=self._env,
        )

    def show(self, tag: str, command: str) -> str:
        """What a shell command prints in an image."""
        container = self._run("from", "--pull=never", tag).strip()
        try:
            return self._run("run", "--isolation=chroot", container, "--", "sh", "-c", command)
        finally:
            self._run("rm", container)

    def push(self, tag: str) -> float:
        """Push an image; seconds."""
        return timed([*self._buildah, "push", "--tls-verify=false", tag], env=self._env)

    def forget(self, tag: str) -> None:
        """Remove an image and what building it left."""
        self._run("rmi", "--force", tag)

    def import_rootfs(self, context: Path, tag: str) -> None:
        """Make an image of the file ``rootfs.tar`` in a folder, and push it."""
        (context / "Containerfile").write_text("FROM scratch\nADD rootfs.tar /\n")
        self._run("build", "-f", context / "Containerfile", "-t", tag, context)
        self.push(tag)
        self._run("rmi", "--force", tag)
