"""Which Python compiles the bytecode of which image."""

from __future__ import annotations

from functools import cache

from stackyard.lock.model import LockedBase
from stackyard.pack.compiler import Compiler, find_compiler


@cache
def compiler_for(minor: str) -> Compiler | None:
    """An interpreter of this minor version on this machine; looked for once."""
    return find_compiler(minor)


def compiles(base: LockedBase) -> bool:
    """Whether packages on a base get bytecode here."""
    return compiler_for(base.python.minor) is not None
