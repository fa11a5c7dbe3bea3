"""Where a registry's credentials are: docker's and podman's files and helpers.

https://docs.docker.com/reference/cli/docker/login/ and
https://github.com/containers/image/blob/main/docs/containers-auth.json.5.md
"""

from __future__ import annotations

import base64
import binascii
import json
import os
import re
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from stackyard.oci.reference import DOCKER_HUB

_HELPER = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")
_HELPER_SECONDS = 60
_FILE_LIMIT = 16 << 20
_IDENTITY_USER = "<token>"
_DOCKER_HUB_KEYS = (
    "https://index.docker.io/v1/",
    "index.docker.io",
    "docker.io",
    "registry-1.docker.io",
)


@dataclass(frozen=True, slots=True)
class Credentials:
    """A name and password, or an identity token that is exchanged for access tokens."""

    username: str = ""
    password: str = field(default="", repr=False)
    identity_token: str = field(default="", repr=False)

    def basic(self) -> str:
        """The value of an Authorization header of the Basic scheme."""
        pair = f"{self.username}:{self.password}".encode()
        return f"Basic {base64.b64encode(pair).decode()}"


@dataclass(frozen=True, slots=True)
class Found:
    """What a search for credentials found.

    Attributes:
        credentials: None for an anonymous request.
        source: the file or program they came from, or what was searched in vain;
            safe to show.
    """

    credentials: Credentials | None
    source: str


def find_credentials(
    registry: str, repository: str, environment: Mapping[str, str] | None = None
) -> Found:
    """Look for the credentials of a repository.

    REGISTRY_AUTH_FILE and DOCKER_CONFIG decide when they are set; otherwise
    podman's files and then docker's are read. A broken file or helper is not an
    error here, since the registry may not ask: `Found.source` tells of it.

    Args:
        registry: host and port, ``docker.io`` for Docker Hub.
        repository: podman's files may hold an entry for a part of a registry.
        environment: instead of the process's own.
    """
    env = os.environ if environment is None else environment
    troubles: list[str] = []
    searched: list[str] = []
    for path in _files(env):
        searched.append(str(path))
        config = _load(path, troubles)
        if config is None:
            continue
        found = _Search(path, env, troubles).config(config, registry, repository)
        if found:
            return found
    notes = "; ".join(troubles)
    return Found(None, f"none found in {', '.join(searched)}" + (f" ({notes})" if notes else ""))


def _files(env: Mapping[str, str]) -> Iterator[Path]:
    auth_file, docker = env.get("REGISTRY_AUTH_FILE"), env.get("DOCKER_CONFIG")
    if auth_file:
        yield Path(auth_file)
    if docker:
        yield Path(docker, "config.json")
    if auth_file or docker:
        return
    yield Path(env.get("XDG_RUNTIME_DIR") or f"/run/containers/{os.getuid()}").joinpath(
        *(("containers",) if env.get("XDG_RUNTIME_DIR") else ()), "auth.json"
    )
    home = Path(env.get("HOME") or "/")
    yield Path(env.get("XDG_CONFIG_HOME") or home / ".config", "containers", "auth.json")
    yield home / ".docker" / "config.json"


def _load(path: Path, troubles: list[str]) -> dict[str, Any] | None:
    try:
        with path.open("rb") as file:
            value = json.loads(file.read(_FILE_LIMIT))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, RecursionError) as error:
        why = error.strerror if isinstance(error, OSError) else "is not JSON"
        troubles.append(f"{path}: {why}")
        return None
    return value if isinstance(value, dict) else None


def _keys(registry: str, repository: str) -> list[str]:
    """Names under which a file may hold the entry, the most specific first."""
    parts = repository.split("/")
    below = [f"{registry}/{'/'.join(parts[:n])}" for n in range(len(parts), 0, -1)]
    return [*below, *(_DOCKER_HUB_KEYS if registry == DOCKER_HUB else (registry,))]


def _plain(key: str) -> str:
    """Old docker wrote addresses (``https://host/v1/``) where others write hosts."""
    bare = key.removeprefix("https://").removeprefix("http://").rstrip("/")
    return bare.removesuffix("/v1").removesuffix("/v2")


def _mapping(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _entry(entry: Mapping[str, Any]) -> Credentials | None:
    if token := entry.get("identitytoken"):
        return Credentials(identity_token=str(token))
    if entry.get("username") and entry.get("password"):
        return Credentials(str(entry["username"]), str(entry["password"]))
    try:
        pair = base64.b64decode(str(entry.get("auth") or ""), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return None
    username, colon, password = pair.rstrip("\0").partition(":")
    return Credentials(username, password) if colon else None


@dataclass(frozen=True)
class _Search:
    """A search in one file; *troubles* gathers what is wrong there."""

    path: Path
    env: Mapping[str, str]
    troubles: list[str]

    def config(self, config: Mapping[str, Any], registry: str, repository: str) -> Found | None:
        """The file's helper for this registry first, then its entries, then its store."""
        keys = _keys(registry, repository)
        helpers = _mapping(config.get("credHelpers"))
        for key in keys:
            if isinstance(helper := helpers.get(key), str):
                return self._helper(helper, key)
        entries = {_plain(k): v for k, v in _mapping(config.get("auths")).items()}
        for key in keys:
            if credentials := _entry(_mapping(entries.get(_plain(key)))):
                return Found(credentials, str(self.path))
        store = config.get("credsStore")
        if isinstance(store, str) and store:
            return self._helper(store, _DOCKER_HUB_KEYS[0] if registry == DOCKER_HUB else registry)
        return None

    def _helper(self, name: str, key: str) -> Found | None:
        """Ask ``docker-credential-NAME get``; its protocol is the key in, JSON out."""
        program = f"docker-credential-{name}"
        if not _HELPER.fullmatch(name):
            self.troubles.append(
                f"{self.path}: {name[:40]!r} is not the name of a credential helper"
            )
            return None
        try:
            done = subprocess.run(
                [program, "get"],
                input=key.encode(),
                capture_output=True,
                timeout=_HELPER_SECONDS,
                check=False,
                env=dict(self.env),
            )
            answer = _mapping(json.loads(done.stdout)) if done.returncode == 0 else {}
        except (OSError, subprocess.SubprocessError, ValueError, RecursionError) as error:
            why = "is not on PATH" if isinstance(error, FileNotFoundError) else "failed"
            self.troubles.append(f"{self.path} names {program}, which {why}")
            return None
        username, secret = str(answer.get("Username", "")), str(answer.get("Secret", ""))
        source = f"{program}, named by {self.path}"
        if not secret:
            self.troubles.append(f"{source}, has none for {key}")
            return None
        if username == _IDENTITY_USER:
            return Found(Credentials(identity_token=secret), source)
        return Found(Credentials(username, secret), source)
