"""What a base allows on one platform: its environment markers and its wheel tags."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from packaging.tags import Tag
from packaging.version import InvalidVersion, Version

from stackyard.errors import InputError
from stackyard.lock.model import LockedBase
from stackyard.lock.project import environment
from stackyard.lock.tags import MACHINES, ranks
from stackyard.lock.units import Unit


@dataclass(frozen=True)
class Goal:
    """One platform of a unit.

    Attributes:
        machine: `platform.machine()` there.
        marker: its environment, for uv.
        environment: its marker variables (PEP 508).
        tags: the wheel tags that fit, with their rank.
        label: for messages.
    """

    variant: str
    platform: str
    base: LockedBase
    machine: str
    marker: str
    environment: Mapping[str, str]
    tags: Mapping[Tag, int]

    @property
    def label(self) -> str:
        """Such as ``py311 on linux/arm64 (Python 3.11.2, glibc 2.36)``."""
        python = self.base.python
        return f"{self.variant} on {self.platform} (Python {python.version}, glibc {python.glibc})"


def goals(unit: Unit, bases: Mapping[str, LockedBase]) -> dict[str, Goal]:
    """Every platform of *unit*.

    Raises:
        InputError: a base has a Python that the variant does not ask for or that
            is too old, has no glibc, or is for an unknown platform.
    """
    return {platform: _goal(unit, platform, bases[platform]) for platform in unit.platforms}


def _goal(unit: Unit, platform: str, base: LockedBase) -> Goal:
    python = base.python
    where = unit.layers[unit.base].where
    about = f"the base of layer {unit.base}, {base.source},"
    try:
        version = Version(python.version)
    except InvalidVersion:
        raise InputError(f"{about} has a Python of unknown version {python.version!r}") from None
    if unit.python is not None and python.minor != unit.python:
        raise InputError(
            f"variant {unit.variant} asks for Python {unit.python}, but {about} "
            f"has Python {python.version}",
            where=where,
            hint="change the variant's `python`, or the base",
        )
    if version < Version("3.8"):
        raise InputError(
            f"{about} has Python {python.version}; Stackyard installs packages for 3.8 or newer",
            where=where,
            hint="take a newer base",
        )
    if python.glibc is None:
        raise InputError(
            f"{about} has no GNU C library (as with musl in Alpine), which wheels are built for",
            where=where,
            hint="take a base with glibc, such as Debian, Ubuntu or a UBI image",
        )
    machine = MACHINES.get(platform)
    if machine is None:
        raise InputError(
            f"no wheels are known for platform {platform}",
            hint=f"the platforms are {', '.join(sorted(MACHINES))}",
        )
    release = version.base_version
    return Goal(
        variant=unit.variant,
        platform=platform,
        base=base,
        machine=machine,
        marker=environment(release, machine),
        environment={
            "implementation_name": "cpython",
            "implementation_version": release,
            "os_name": "posix",
            "platform_machine": machine,
            "platform_python_implementation": "CPython",
            "platform_release": "",
            "platform_system": "Linux",
            "platform_version": "",
            "python_full_version": release,
            "python_version": python.minor,
            "sys_platform": "linux",
        },
        tags=ranks(python.minor, machine, python.glibc),
    )
