"""docker's own program: which one works here, and what it is told by the environment."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from stackyard.errors import OutsideError
from stackyard.oci.disk import outside

_EMBEDDED_UNTIL = (23, 0)
_PATIENCE = 30.0  # seconds for what ought to take a moment
_PASSED_ON = frozenset(
    {"HOME", "LANG", "PATH", "SSH_AUTH_SOCK", "SSL_CERT_DIR", "SSL_CERT_FILE", "USER",
     "XDG_CONFIG_HOME", "XDG_RUNTIME_DIR"}
)  # fmt: skip
# What would have another builder build, or build for another platform.
_NOT_PASSED_ON = frozenset({"DOCKER_BUILDKIT", "DOCKER_CONTENT_TRUST", "DOCKER_DEFAULT_PLATFORM"})
_PROXIES = ("http_proxy", "https_proxy", "ftp_proxy", "no_proxy", "all_proxy")

_INSTALL = "install it: apt-get install docker.io"
_START = (
    "start its daemon (systemctl start docker), see that this user may use it (group docker),"
    " and check DOCKER_HOST"
)
_BUILDX = "install BuildKit's client: apt-get install docker-buildx, or docker-buildx-plugin"


@dataclass(frozen=True)
class Found:
    """What `find_docker` found.

    Attributes:
        program: the path of docker's program; None when there is none that works.
        reason: why not.
        hint: what to do about it.
    """

    program: str | None
    reason: str = ""
    hint: str = ""


@dataclass(frozen=True)
class Versions:
    """Major and minor version of the program, and of the daemon if that answers."""

    client: tuple[int, int]
    server: tuple[int, int] | None


def find_docker() -> Found:
    """The first docker on PATH whose daemon answers and whose BuildKit works.

    All of PATH is looked at: a newer program without BuildKit's client may stand
    before one that has BuildKit in itself. The daemon is the one that
    ``DOCKER_HOST``, ``DOCKER_CONTEXT`` or docker's settings name.
    """
    refused = [_tried(program) for program in _programs()]
    for found in refused:
        if found.program:
            return found
    if not refused:
        return Found(None, "it is not installed", _INSTALL)
    reasons = {found.reason: None for found in refused}
    return Found(None, "; ".join(reasons), refused[-1].hint)


def _programs() -> Iterator[str]:
    seen = set()
    for folder in os.environ.get("PATH", os.defpath).split(os.pathsep):
        path = Path(folder or ".").absolute() / "docker"
        if path.is_file() and os.access(path, os.X_OK) and path.resolve() not in seen:
            seen.add(path.resolve())
            yield str(path)


def _tried(program: str) -> Found:
    env = environment()
    try:
        versions = ask_versions(program, env)
        if versions.server is None:
            return Found(None, f"the daemon of {program} does not answer", _START)
        if versions.client >= _EMBEDDED_UNTIL:
            ask([program, "buildx", "version"], env)
    except OutsideError as error:
        if "buildx" in error.message:
            return Found(None, f"{program} lacks buildx, so it has no BuildKit", _BUILDX)
        return Found(None, error.message, _START)
    return Found(program)


def environment() -> dict[str, str]:
    """What docker's program gets of our environment, and what makes it use BuildKit."""
    proxies = proxy_names()
    env = {
        name: value
        for name, value in os.environ.items()
        if name in _PASSED_ON
        or name in proxies
        or (name.startswith("DOCKER_") and name not in _NOT_PASSED_ON)
    }
    return {
        **env,
        "DOCKER_BUILDKIT": "1",
        "BUILDX_NO_DEFAULT_ATTESTATIONS": "1",
        "LC_ALL": "C.UTF-8",
    }


def proxy_names() -> tuple[str, ...]:
    """The environment's variables that name proxies."""
    names = (name for proxy in _PROXIES for name in (proxy, proxy.upper()))
    return tuple(name for name in names if os.environ.get(name))


def ask_versions(program: str, env: Mapping[str, str]) -> Versions:
    """Ask a docker program for its version and its daemon's.

    Raises:
        OutsideError: it is no docker program, or it hangs.
    """
    words = "{{.Client.Version}} {{if .Server}}{{.Server.Version}}{{end}}"
    told = ask([program, "version", "--format", words], env, check=False)
    client, _, server = told.partition(" ")
    version = _version(client)
    if version is None:
        raise OutsideError(f"{program} does not tell its version", hint=_INSTALL)
    return Versions(version, _version(server))


def _version(text: str) -> tuple[int, int] | None:
    found = re.match(r"v?(\d+)\.(\d+)", text)
    return (int(found[1]), int(found[2])) if found else None


def ask(command: Sequence[str], env: Mapping[str, str], *, check: bool = True) -> str:
    """What a short call prints to its standard output.

    Raises:
        OutsideError: it cannot be started, hangs, or (with *check*) fails.
    """
    doing = " ".join(["docker", *command[1:3]])
    try:
        done = subprocess.run(
            command,
            env=dict(env),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_PATIENCE,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise OutsideError(
            f"{doing}: no answer in {_PATIENCE:g} s", hint="restart the docker daemon"
        ) from error
    except OSError as error:
        raise outside(f"starting {command[0]}", error) from error
    if check and done.returncode:
        why = done.stderr.strip().rpartition("\n")[2]
        raise OutsideError(f"{doing}: {why or f'exit code {done.returncode}'}", hint=_START)
    return done.stdout.strip()
