"""One stack, built once, for all the tests that use real things."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

import realengines as engines
from realstack import STACK
from realyard import Yard
from stepyard import Steps


@pytest.fixture(scope="session")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("real")


@pytest.fixture(scope="session")
def bare(place: Path) -> dict[str, str]:
    """Surroundings without anybody's registry credentials."""
    (place / "nobody").mkdir()
    (place / "nobody" / "auth.json").write_text("{}")
    return {
        "DOCKER_CONFIG": str(place / "nobody"),
        "REGISTRY_AUTH_FILE": str(place / "nobody" / "auth.json"),
        "XDG_RUNTIME_DIR": str(place / "nobody"),
    }


@pytest.fixture(scope="session")
def registry(place: Path) -> Iterator[engines.Registry]:
    with engines.registry(place / "registry") as running:
        yield running


@pytest.fixture(scope="session")
def docker(place: Path) -> Iterator[engines.Docker]:
    with engines.docker(place / "docker") as running:
        yield running


@pytest.fixture(scope="session")
def storage(place: Path) -> Iterator[engines.Storage]:
    with engines.storage(place / "storage") as made:
        yield made


@pytest.fixture(scope="session")
def steps(place: Path, bare: dict[str, str]) -> Steps:
    """Makes stacks with system steps."""
    (place / "steps").mkdir()
    return Steps(place / "steps", bare)


@pytest.fixture(scope="session")
def locked(place: Path, bare: dict[str, str], registry: engines.Registry) -> Yard:
    """The stack, locked."""
    yard = Yard(place / "stack", place / "store", bare)
    hub = version("jupyterhub").partition(".")[0]
    yard.write(STACK.format(host=registry.host, hub=hub))
    (yard.folder / "hello.sh").write_text("#!/bin/sh\necho hello\n")
    yard.run("lock")
    return yard


@pytest.fixture(scope="session")
def built(locked: Yard) -> Yard:
    """The stack, built."""
    locked.run("build")
    return locked


@pytest.fixture(scope="session")
def loaded(built: Yard, registry: engines.Registry, docker: engines.Docker) -> str:
    """The image ``both:py311`` in docker, by its name there."""
    built.run("build", "--load", "docker", "both:py311", **docker.env)
    return f"{registry.host}/hub/both:py311"
