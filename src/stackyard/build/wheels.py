"""Locked packages as work for the packer."""

from __future__ import annotations

from stackyard.inventory.facts import PythonFacts
from stackyard.lock.model import LockedPackage
from stackyard.pack.task import WheelTask


def wheel_task(
    package: LockedPackage, platform: str, python: PythonFacts, *, bytecode: bool
) -> WheelTask:
    """What packing a package for a platform takes; its wheel's path is not known yet."""
    wheel = package.wheels[platform]
    return WheelTask(
        filename=wheel.filename,
        sha256=wheel.sha256,
        scheme=python.scheme,
        interpreter=python.interpreter,
        python_minor=python.minor,
        requested=package.requested,
        bytecode=bytecode,
    )
