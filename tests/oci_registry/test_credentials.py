from __future__ import annotations

import base64
import json
import os
from pathlib import Path
from typing import Any

import pytest

from stackyard.oci.registry.credentials import Credentials, find_credentials

ANN = Credentials("ann", "s3cret")


def entry(credentials: Credentials = ANN) -> dict[str, str]:
    pair = f"{credentials.username}:{credentials.password}".encode()
    return {"auth": base64.b64encode(pair).decode()}


def write(path: Path, value: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(value if isinstance(value, str) else json.dumps(value))
    return path


def helper(folder: Path, name: str, script: str) -> None:
    folder.mkdir(exist_ok=True)
    program = folder / f"docker-credential-{name}"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)


@pytest.mark.parametrize(
    ("registry", "repository", "auths"),
    [
        ("ghcr.io", "acme/hub", {"ghcr.io": entry()}),
        ("ghcr.io", "acme/hub", {"https://ghcr.io/v1/": entry()}),
        ("ghcr.io", "acme/hub", {"https://ghcr.io": entry()}),
        ("docker.io", "library/debian", {"https://index.docker.io/v1/": entry()}),
        ("docker.io", "library/debian", {"docker.io": entry()}),
        ("ghcr.io", "acme/hub", {"ghcr.io": {"username": "ann", "password": "s3cret"}}),
        ("ghcr.io", "acme/hub", {"ghcr.io/acme": entry(), "ghcr.io": entry(Credentials("x", "y"))}),
        ("localhost:5000", "hub", {"localhost:5000": entry()}),
    ],
)
def test_reads_entries(tmp_path: Path, registry: str, repository: str, auths: Any) -> None:
    path = write(tmp_path / "config.json", {"auths": auths})
    found = find_credentials(registry, repository, {"DOCKER_CONFIG": str(tmp_path)})
    assert (found.credentials, found.source) == (ANN, str(path))


def test_other_registries_get_nothing(tmp_path: Path) -> None:
    write(tmp_path / "config.json", {"auths": {"ghcr.io": entry(), "ghcr.io/other": entry()}})
    for registry in ("quay.io", "ghcr.io.evil.example", "ghcr.io:5000", "xghcr.io"):
        found = find_credentials(registry, "acme/hub", {"DOCKER_CONFIG": str(tmp_path)})
        assert found.credentials is None
        assert "config.json" in found.source


@pytest.mark.parametrize(
    ("variable", "value", "path"),
    [
        ("REGISTRY_AUTH_FILE", "{}/mine.json", "mine.json"),
        ("DOCKER_CONFIG", "{}/docker", "docker/config.json"),
        ("XDG_RUNTIME_DIR", "{}/run", "run/containers/auth.json"),
        ("XDG_CONFIG_HOME", "{}/config", "config/containers/auth.json"),
        ("HOME", "{}/home", "home/.config/containers/auth.json"),
        ("HOME", "{}/home", "home/.docker/config.json"),
    ],
)
def test_places(tmp_path: Path, variable: str, value: str, path: str) -> None:
    written = write(tmp_path / path, {"auths": {"ghcr.io": entry()}})
    env = {"HOME": str(tmp_path / "nowhere"), variable: value.format(tmp_path)}
    assert find_credentials("ghcr.io", "a/b", env).source == str(written)


def test_a_chosen_file_is_the_only_one(tmp_path: Path) -> None:
    write(tmp_path / ".docker" / "config.json", {"auths": {"ghcr.io": entry()}})
    mine = write(tmp_path / "mine.json", {})
    env = {"HOME": str(tmp_path), "REGISTRY_AUTH_FILE": str(mine)}
    assert find_credentials("ghcr.io", "a/b", env).credentials is None


@pytest.mark.parametrize("key", ["credsStore", "credHelpers"])
def test_helpers(tmp_path: Path, key: str) -> None:
    answer = '{"ServerURL":"x","Username":"ann","Secret":"s3cret"}'
    helper(tmp_path / "bin", "safe", f"read -r key; [ \"$key\" = ghcr.io ] && echo '{answer}'")
    value = "safe" if key == "credsStore" else {"ghcr.io": "safe"}
    write(tmp_path / "config.json", {key: value, "auths": {"ghcr.io": {}}})
    env = {"DOCKER_CONFIG": str(tmp_path), "PATH": f"{tmp_path}/bin:{os.environ['PATH']}"}
    found = find_credentials("ghcr.io", "a/b", env)
    assert found.credentials == ANN
    assert "docker-credential-safe" in found.source


def test_identity_tokens(tmp_path: Path) -> None:
    write(tmp_path / "config.json", {"auths": {"ghcr.io": {"identitytoken": "refresh"}}})
    found = find_credentials("ghcr.io", "a/b", {"DOCKER_CONFIG": str(tmp_path)})
    assert found.credentials == Credentials(identity_token="refresh")


@pytest.mark.parametrize(
    ("config", "note"),
    [
        ("{", "is not JSON"),
        ("[" * 100_000, "is not JSON"),
        ("[]", "none found"),
        ({"auths": 3, "credHelpers": [], "credsStore": 7}, "none found"),
        ({"auths": {"ghcr.io": {"auth": "%%%"}}}, "none found"),
        ({"auths": {"ghcr.io": {"auth": base64.b64encode(b"no colon").decode()}}}, "none found"),
        ({"credsStore": "absent"}, "docker-credential-absent, which is not on PATH"),
        ({"credsStore": "../../bin/sh"}, "not the name of a credential helper"),
        ({"credsStore": "failing"}, "docker-credential-failing"),
        ({"credsStore": "chatty"}, "failed"),
    ],
)
def test_broken_files_and_helpers_are_told_not_raised(
    tmp_path: Path, config: object, note: str
) -> None:
    helper(tmp_path / "bin", "failing", "echo 'credentials not found'; exit 1")
    helper(tmp_path / "bin", "chatty", "echo hello")
    write(tmp_path / "config.json", config)
    env = {"DOCKER_CONFIG": str(tmp_path), "PATH": f"{tmp_path}/bin:{os.environ['PATH']}"}
    found = find_credentials("ghcr.io", "a/b", env)
    assert found.credentials is None
    assert note in found.source


def test_secrets_do_not_show() -> None:
    assert "s3cret" not in repr(ANN)
    assert "s3cret" not in repr(Credentials(identity_token="s3cret"))
