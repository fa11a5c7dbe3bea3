"""Bases in a registry: pinned by digest, moved only by an upgrade, with and without a password."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest
import realengines as engines
from realyard import Yard, run

pytestmark = pytest.mark.real

STACK = """
layers:
  base: {{from: "{reference}"}}
  app: {{on: base, pip: [tabulate]}}
images:
  app: {{layers: [app]}}
"""


USERS = "ann:$2b$04$yhwgWCcWbIrYu.pMVLmV5eL5wWqCXTLcCyh9PI5ECRDUz9FJy7dmi\n"
"""What htpasswd makes of the user ann and the password s3cret."""


@pytest.fixture(scope="module")
def bases(built: Yard, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The two Debian suites as OCI layouts, each of one layer."""
    folder = tmp_path_factory.mktemp("bases")
    found = {}
    for variant, suite in (("py311", "bookworm"), ("py313", "trixie")):
        yard = Yard(folder / f"{suite}-stack", built.store, built.env)
        yard.write(
            "layers:\n  base:\n    apt: [ca-certificates, python3, python3-yaml, tini]\n"
            f"    from: {{debian: {suite}}}\nimages:\n  base: {{layers: [base]}}\n"
        )
        yard.run("lock")
        found[variant] = folder / suite
        yard.export(found[variant])
    return found


def publish(layout: Path, reference: str, *options: str) -> str:
    """Put a layout's one image into a registry; its digest."""
    run(
        "skopeo",
        "copy",
        "--dest-tls-verify=false",
        *options,
        f"oci:{layout}",
        f"docker://{reference}",
    )
    index = json.loads((layout / "index.json").read_text())
    return str(index["manifests"][0]["digest"])


def pinned(yard: Yard) -> tuple[str, str]:
    """The digest and the Python that the lock has for the base."""
    base = yard.lock().resolutions["default", "base"].bases["linux/amd64"]
    return base.digest, base.python.minor


def test_a_moved_tag_moves_nothing_until_an_upgrade(
    bases: dict[str, Path], registry: engines.Registry, built: Yard, tmp_path: Path
) -> None:
    reference = f"{registry.host}/acme/base:1"
    first = publish(bases["py311"], reference)
    yard = Yard(tmp_path / "stack", tmp_path / "fresh", built.env)
    yard.write(STACK.format(reference=reference))
    yard.run("lock")
    assert pinned(yard) == (first, "3.11")
    before = yard.export(tmp_path / "before")

    second = publish(bases["py313"], reference)
    assert second != first
    yard.run("lock", "--check")
    assert "nothing moved" in yard.run("lock").stdout
    elsewhere = Yard(yard.folder, tmp_path / "elsewhere", built.env)
    assert elsewhere.export(tmp_path / "after") == before

    assert "base" in yard.run("lock", "--upgrade").stdout
    assert pinned(yard) == (second, "3.13")
    assert yard.export(tmp_path / "upgraded") != before


def test_a_registry_with_a_password(
    bases: dict[str, Path], built: Yard, bare: dict[str, str], tmp_path: Path
) -> None:
    users = tmp_path / "htpasswd"
    users.write_text(USERS)
    more = f"auth: {{htpasswd: {{realm: campus, path: {users}}}}}"
    with engines.registry(tmp_path / "registry", more) as private:
        reference = f"{private.host}/acme/base:1"
        digest = publish(bases["py311"], reference, "--dest-creds=ann:s3cret")
        yard = Yard(tmp_path / "stack", tmp_path / "other", bare)
        yard.write(f"registry: {private.host}/hub\n" + STACK.format(reference=reference))

        refused = yard.run("lock", exits=3).stderr
        assert private.host in refused
        assert "docker login" in refused or "podman login" in refused

        logins = tmp_path / "docker"
        logins.mkdir()
        login = {"auth": base64.b64encode(b"ann:s3cret").decode()}
        (logins / "config.json").write_text(json.dumps({"auths": {private.host: login}}))
        yard.run("lock", DOCKER_CONFIG=str(logins))
        assert pinned(yard)[0] == digest
        told = yard.run("push", DOCKER_CONFIG=str(logins))
        copied = f"docker://{private.host}/hub/app:default"
        run("skopeo", "inspect", "--tls-verify=false", "--creds=ann:s3cret", copied)
        written = (yard.folder / "stackyard.lock").read_text()
        assert "s3cret" not in told.stdout + told.stderr + written
