"""The steps of a plan, as values.

A step knows what it is made from and which steps it stands on, by key; it does
not know how it is done (`perform`) nor whether it is done already (`plan`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

from stackyard.inventory.facts import PythonFacts
from stackyard.lock.model import LockedBase, LockedPackage
from stackyard.oci.store import Store
from stackyard.pack.files import Folder
from stackyard.stack.values import BaseSource, FileEntry, Healthcheck, Target, User
from stackyard.system.step import Apt, Work


@dataclass(frozen=True, kw_only=True)
class Step:
    """One unit of work.

    Attributes:
        name: in the stack file's words, such as ``science: scipy``.
        key: what decides its content; see `keys`.
        scope: variant and platform, so that equal names stay apart.
        needs: keys of the steps whose results it reads, in the order it uses them.
        facts: what it is made from, in words that can be compared with the last
            time: this is where a plan's reasons come from.
        layers: the stack file's layers whose content it holds.
    """

    kind: ClassVar[str]
    name: str
    key: str
    scope: str
    needs: tuple[str, ...] = ()
    facts: Mapping[str, str] = field(default_factory=dict)
    layers: tuple[str, ...] = ()

    @property
    def identity(self) -> str:
        """What stays the same of this step when its content changes."""
        return f"{self.kind}|{self.scope}|{self.name}"


@dataclass(frozen=True, kw_only=True)
class BaseStep(Step):
    """Bring in the root file system that everything stands on."""

    kind: ClassVar[str] = "base"
    source: BaseSource
    platform: str
    apt: tuple[str, ...]
    locked: LockedBase


@dataclass(frozen=True, kw_only=True)
class AccountsStep(Step):
    """Make the account that a layer asks for, with its home; `needs` is all that is below."""

    kind: ClassVar[str] = "accounts"
    users: tuple[User, ...]


@dataclass(frozen=True, kw_only=True)
class EngineStep(Step):
    """Something that a container engine does on all that is below it.

    Attributes:
        needs: all that is below, from the bottom, the base first.
        work: what is done.
        env: the variables that it sees beside those of what it stands on.
        platform: such as ``linux/amd64``.
    """

    work: Work
    env: Mapping[str, str]
    platform: str

    @property
    def secrets(self) -> tuple[str, ...]:
        """Names of the secrets that it may read."""
        return () if isinstance(self.work, Apt) else self.work.secrets

    def log(self, store: Store) -> Path:
        """Where the engine's output is kept."""
        return store.root / "logs" / f"{self.name}-{self.kind}-{self.key[:12]}.log"


class AptStep(EngineStep):
    """Install a layer's Debian packages."""

    kind: ClassVar[str] = "apt"
    work: Apt


class ContainerfileStep(EngineStep):
    """Run a layer's Containerfile."""

    kind: ClassVar[str] = "containerfile"


class RunStep(EngineStep):
    """Run a layer's commands and its script."""

    kind: ClassVar[str] = "run"


class FinishStep(EngineStep):
    """Run the commands of a layer that need the packages."""

    kind: ClassVar[str] = "finish"


@dataclass(frozen=True, kw_only=True)
class GroupStep(Step):
    """Pack a group of locked packages into one OCI layer.

    Attributes:
        bytecode: whether modules get their compiled form.
        compiler_base: key of the base whose own Python compiles; None for a
            Python of this machine.
    """

    kind: ClassVar[str] = "packages"
    packages: tuple[LockedPackage, ...]
    platform: str
    python: PythonFacts
    bytecode: bool
    compiler_base: str | None

    @property
    def size(self) -> int:
        """Bytes of its wheels."""
        return sum(p.wheels[self.platform].size for p in self.packages)


@dataclass(frozen=True, kw_only=True)
class FilesStep(Step):
    """Pack a layer's own files; `folders` are the homes that they may be in."""

    kind: ClassVar[str] = "files"
    entries: tuple[FileEntry, ...]
    folders: Mapping[str, Folder]


@dataclass(frozen=True)
class ConfigChanges:
    """What an image's layers say of how it runs; None leaves what the base says."""

    env: Mapping[str, str]
    labels: Mapping[str, str]
    user: str | None
    workdir: str | None
    entrypoint: tuple[str, ...] | None
    cmd: tuple[str, ...] | None
    healthcheck: Healthcheck | None


@dataclass(frozen=True, kw_only=True)
class ImageStep(Step):
    """Put an image together: `needs` are its layers from the bottom, the base first.

    Attributes:
        config: from the bottom, what layers say of the configuration, and in its place
            the key of each step whose Containerfile changed it.
    """

    kind: ClassVar[str] = "image"
    target: Target
    config: tuple[ConfigChanges | str, ...]
    annotations: Mapping[str, str]
