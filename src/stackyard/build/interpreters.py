"""Which Python compiles the bytecode of which image.

The base's own, where it is a Debian suite for this machine: then every machine makes
the same. Else whatever interpreter of the minor version this machine has.
"""

from __future__ import annotations

from functools import cache
from typing import Literal

from stackyard.errors import OutsideError
from stackyard.lock.model import LockedBase
from stackyard.oci.descriptor import Descriptor
from stackyard.oci.store import Store
from stackyard.pack.compiler import Compiler, find_compiler
from stackyard.system.interpreter import python_of, runs_here


def compiling(base: LockedBase, platform: str) -> Literal["own", "local"] | None:
    """Which Python compiles for what stands on a base; None for none."""
    if base.python is None:
        return None
    if base.debs and runs_here(platform):
        return "own"
    return "local" if _local(base.python.minor) else None


def local_compiler(minor: str) -> Compiler:
    """This machine's interpreter for a minor version.

    Raises:
        OutsideError: it went away since the plan was made.
    """
    found = _local(minor)
    if found is None:
        raise OutsideError(
            f"there is no Python {minor} here any more", hint="run the command again"
        )
    return found


def own_compiler(store: Store, base: Descriptor, minor: str) -> Compiler:
    """The Python of a base.

    Raises:
        OutsideError: the base lacks it, or the disk is full.
    """
    return Compiler(minor, python_of(store, base, minor))


@cache
def _local(minor: str) -> Compiler | None:
    return find_compiler(minor)
