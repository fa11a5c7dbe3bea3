"""What a base allows on one platform: its environment markers and its wheel tags."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from packaging.tags import Tag
from packaging.version import InvalidVersion, Version

from stackyard.errors import InputError
from stackyard.inventory.facts import PythonFacts
from stackyard.lock.model import LockedBase
from stackyard.lock.project import environment
from stackyard.lock.tags import MACHINES, ranks
from stackyard.lock.units import Unit


@dataclass(frozen=True)
class Goal:
    """One platform of a unit.

    Attributes:
        source: the base, as the stack file names it.
        python: the base's.
        machine: `platform.machine()` there.
        marker: its environment, for uv.
        environment: its marker variables (PEP 508).
        tags: the wheel tags that fit, with their rank.
        label: for messages.
    """

    variant: str
    platform: str
    source: str
    python: PythonFacts
    machine: str
    marker: str
    environment: Mapping[str, str]
    tags: Mapping[Tag, int]

    @property
    def label(self) -> str:
        """Such as ``py311 on linux/arm64 (Python 3.11.2, glibc 2.36)``."""
        python = self.python
        return f"{self.variant} on {self.platform} (Python {python.version}, glibc {python.glibc})"


def check_python(unit: Unit, bases: Mapping[str, LockedBase]) -> None:
    """See that every base has the Python that the variant asks for, if it asks for any.

    Where there is none and no layer has packages, the variable is somebody else's: an
    argument of a Containerfile, say.

    Raises:
        InputError: one has another, or none.
    """
    packages = any(layer.pip for layer in unit.layers.values())
    for platform in unit.platforms if unit.python is not None else ():
        python = bases[platform].python
        if python is None and not packages:
            continue
        if python is None or python.minor != unit.python:
            has = f"Python {python.version}" if python else "no Python 3"
            raise InputError(
                f"variant {unit.variant} asks for Python {unit.python}, but "
                f"{_about(unit, bases[platform])} has {has}",
                where=unit.layers[unit.base].where,
                hint="change the variant's `python`, or the base",
            )


def goals(unit: Unit, bases: Mapping[str, LockedBase]) -> dict[str, Goal]:
    """Every platform of *unit*, some layer of which asks for packages.

    Raises:
        InputError: a base has no Python or one that is too old, has no glibc, or is
            for an unknown platform.
    """
    return {platform: _goal(unit, platform, bases[platform]) for platform in unit.platforms}


def _about(unit: Unit, base: LockedBase) -> str:
    return f"the base of layer {unit.base}, {base.source},"


def _goal(unit: Unit, platform: str, base: LockedBase) -> Goal:
    python = base.python
    if python is None:
        raise _no_python(unit, platform, base)
    where = unit.layers[unit.base].where
    about = _about(unit, base)
    try:
        version = Version(python.version)
    except InvalidVersion:
        raise InputError(f"{about} has a Python of unknown version {python.version!r}") from None
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
        source=base.source,
        python=python,
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


def _no_python(unit: Unit, platform: str, base: LockedBase) -> InputError:
    asking = [name for name, layer in unit.layers.items() if layer.pip]
    names = ", ".join(asking)
    ask = f"layers {names} ask" if len(asking) > 1 else f"layer {names} asks"
    where = f" for {platform}" if len(unit.platforms) > 1 else ""
    bottom = unit.layers[unit.base]
    debian = bottom.base is not None and bottom.base.kind == "debian"
    remedy = f"put python3 into the apt of layer {unit.base}" if debian else "take a base with one"
    return InputError(
        f"variant {unit.variant}: {ask} for `pip` packages, but "
        f"{_about(unit, base)} has no Python 3{where}: no python3 in its PATH that has its "
        "standard library",
        where=bottom.where,
        hint=f"{remedy}; a Python that a Containerfile, a command or a package list of a layer "
        "brings is not seen when locking",
    )
