"""Which container engine runs steps: the one that is asked for, or that this machine has."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

from stackyard.errors import OutsideError
from stackyard.oci.store import Store
from stackyard.system.buildah import open_buildah
from stackyard.system.docker import Docker, find_docker
from stackyard.system.engine import Engine

EngineName = Literal["buildah", "docker"]
ENGINES: tuple[EngineName, ...] = ("buildah", "docker")

_BUILDAH = "install it: apt-get install buildah"
_NOTHING = "install one: apt-get install buildah; or docker with BuildKit, and start its daemon"


@contextmanager
def open_engine(name: EngineName | None, store: Store) -> Iterator[Engine]:
    """An engine, ready to be used until the block ends.

    Args:
        name: the one that is asked for; else buildah, which needs no daemon, and where
            that is not installed docker.
        store: has what steps stand on.

    Raises:
        OutsideError: it is not there or does not work; the hint says what to install.
    """
    buildah = shutil.which("buildah")
    if name == "buildah" and buildah is None:
        raise OutsideError("the engine buildah is not installed", hint=_BUILDAH)
    if buildah and name != "docker":
        with open_buildah(buildah, store) as opened:
            yield opened
        return
    docker = find_docker()
    if docker.program is None:
        if name == "docker":
            raise OutsideError(
                f"the engine docker cannot be used: {docker.reason}", hint=docker.hint
            )
        raise OutsideError(
            "these steps need a container engine, and this machine has none:"
            f" buildah is not installed; docker: {docker.reason}",
            hint=_NOTHING,
        )
    yield Docker(docker.program, store)
