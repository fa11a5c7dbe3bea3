"""What the real tests share: a stack in a folder, servers that end, waiting, JSON over HTTP."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import httpx

from stackyard.lock.file import read_lock
from stackyard.lock.model import Lock, LockedPackage

T = TypeVar("T")

STACKYARD = Path(sys.executable).with_name("stackyard")


@dataclass(frozen=True)
class Yard:
    """A stack file in a folder of its own, worked on through the command line."""

    folder: Path
    store: Path
    env: Mapping[str, str] = field(default_factory=dict)

    def write(self, text: str) -> None:
        """Write the stack file."""
        self.folder.mkdir(exist_ok=True)
        (self.folder / "stackyard.yaml").write_text(text)

    def run(self, *words: object, exits: int = 0, **env: str) -> subprocess.CompletedProcess[str]:
        """Run a verb; it must end with *exits*."""
        done = subprocess.run(
            [STACKYARD, *map(str, words)],
            cwd=self.folder,
            env={**os.environ, "STACKYARD_STORE": str(self.store), **self.env, **env},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == exits, f"{words}: {done.stdout}\n{done.stderr}"
        return done

    def lock(self) -> Lock:
        """What the lock file says."""
        return read_lock(self.folder / "stackyard.lock")

    def locked(self, variant: str, *layers: str, platform: str = "linux/amd64") -> Packages:
        """The packages that an image with these layers must have, by name."""
        resolution = self.lock().resolutions[variant, "base"]
        return {
            package.name: package
            for package in resolution.packages
            if platform in package.wheels
            and any(need.holds(layers, resolution.forked) for need in package.needs)
        }

    def export(self, directory: Path, *targets: str) -> dict[str, str]:
        """Build, write an OCI layout, and tell the manifest digest of each name in it."""
        self.run("build", "--output", f"oci:{directory}", *targets)
        index = json.loads((directory / "index.json").read_text())
        name = "org.opencontainers.image.ref.name"
        return {entry["annotations"][name]: entry["digest"] for entry in index["manifests"]}


Packages = Mapping[str, LockedPackage]


def run(*command: object, env: Mapping[str, str] | None = None) -> str:
    """Run a program that must succeed; what it printed."""
    done = subprocess.run(
        list(map(str, command)),
        env={**os.environ, **(env or {})},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{command}: {done.stdout}\n{done.stderr}"
    return done.stdout


def free_port() -> int:
    """A port of the loopback device that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def server(
    *command: object,
    log: Path,
    ready: Callable[[], T | None],
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
) -> Iterator[T]:
    """A program in the background, from when it is ready until the block ends."""
    with (
        log.open("wb") as out,
        subprocess.Popen(
            list(map(str, command)),
            env={**os.environ, **(env or {})},
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
        ) as process,
    ):
        try:
            yield until(ready, alive=lambda: process.poll() is None, log=log)
        finally:
            process.terminate()
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()


def until(
    ready: Callable[[], T | None], *, alive: Callable[[], bool], log: Path, seconds: float = 90
) -> T:
    """What *ready* gives, once it gives something."""
    end = time.monotonic() + seconds
    while (found := ready()) is None:
        told = log.read_text(errors="replace")[-4000:]
        assert alive(), f"{log.name}: it ended: {told}"
        assert time.monotonic() < end, f"{log.name}: not ready after {seconds} s: {told}"
        time.sleep(0.1)
    return found


def ask(url: str, *, token: str = "", method: str = "GET") -> tuple[int, str] | None:
    """Status and body that an HTTP server answers with; None when nobody answers."""
    headers = {"Authorization": f"token {token}"} if token else {}
    try:
        reply = httpx.request(
            method, url, headers=headers, timeout=30, follow_redirects=True, trust_env=False
        )
    except httpx.TransportError:
        return None
    return reply.status_code, reply.text


def answered(url: str, *, token: str = "") -> dict[str, Any] | None:
    """The JSON that a server answers with status 200; None as long as it does not."""
    reply = ask(url, token=token)
    return json.loads(reply[1]) if reply and reply[0] == 200 else None
