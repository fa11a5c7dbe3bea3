"""Container engines: what a step asks of one, and what it gives back.

`buildah` and `docker` are modules of this shape. An engine gets what a step stands on
as an image of the store, and gives back what the step changed, so nobody above can
tell which engine ran.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from stackyard.errors import InputError, OutsideError
from stackyard.oci.descriptor import Platform
from stackyard.oci.image import RuntimeConfig
from stackyard.oci.layer import Layer

Hear = Callable[[str], None]
"""Told each line that the engine prints, from any thread."""


@dataclass(frozen=True)
class Parent:
    """What a step stands on.

    Attributes:
        layers: from the bottom; their blobs are in the store.
        config: as the step's instructions see it.
    """

    layers: tuple[Layer, ...]
    config: RuntimeConfig
    platform: Platform


@dataclass(frozen=True)
class Job:
    """One step's work for an engine.

    Attributes:
        containerfile: the instructions.
        argument: the build argument that takes the parent's digest.
        parent: what the last stage stands on.
        context: a folder of files that the instructions may copy; nothing else is seen.
        args: more build arguments.
        secrets: files with the values of secrets, by id.
        timeout: seconds after which the engine is ended.
        scratch: an empty folder, for the engine's use.
    """

    containerfile: str
    argument: str
    parent: Parent
    context: Path
    args: Mapping[str, str] = field(default_factory=dict)
    secrets: Mapping[str, Path] = field(default_factory=dict)
    timeout: float = 3600
    scratch: Path = Path()

    @property
    def all_args(self) -> dict[str, str]:
        """The arguments, with those that engines set for a platform.

        https://docs.docker.com/reference/dockerfile/#automatic-platform-args-in-the-global-scope
        """
        platform = self.parent.platform
        return {
            "TARGETPLATFORM": str(platform),
            "TARGETOS": platform.os,
            "TARGETARCH": platform.architecture,
            "TARGETVARIANT": platform.variant,
            **self.args,
        }


@dataclass(frozen=True)
class Result:
    """What an engine made.

    Attributes:
        archives: tar archives of what changed, from the bottom, plain or gzip, in the
            job's scratch folder; whiteouts as in OCI layers.
        config: of the new image, whole.
        unasked: names of what the engine removed though nothing told it to; that such a
            name is gone does not count.
    """

    archives: tuple[Path, ...]
    config: RuntimeConfig
    unasked: frozenset[str] = frozenset()


class Engine(Protocol):
    """A container engine, ready to be used from several threads at once."""

    @property
    def name(self) -> str:
        """As on the command line."""

    def build(self, job: Job, hear: Hear) -> Result:
        """Run the instructions on the parent.

        Raises:
            CommandFailed: one of their commands failed.
            InputError: the instructions are wrong.
            OutsideError: the engine is not well, hangs, or the disk is full.
        """


class CommandFailed(InputError):  # noqa: N818 - it tells what happened
    """A command of the instructions ended with another exit code than 0.

    Args:
        instruction: as the engine tells it.
        status: the exit code.
    """

    def __init__(self, instruction: str, status: int) -> None:
        super().__init__(f"{instruction}: ended with exit status {status}")
        self.instruction = instruction
        self.status = status


_FULL = re.compile(r"no space left on device|disk quota exceeded", re.IGNORECASE)


def outside_failure(engine: str, code: int, output: str) -> OutsideError | None:
    """The error when what an engine printed last shows that this machine failed it.

    Args:
        engine: its name.
        code: its exit code, or minus the signal that ended it.
        output: what it printed last.
    """
    if _FULL.search(output):
        return OutsideError(
            f"{engine}: no space left on the disk",
            hint="make room on the disk of the store (and of /tmp), then run again;"
            " nothing was damaged",
        )
    if code < 0:
        return OutsideError(
            f"{engine} was ended by signal {-code}",
            hint="run again; was this machine out of memory?",
        )
    return None
