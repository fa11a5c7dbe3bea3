"""A stack file with the lock beside it, ready to be planned."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from stackyard.build.derive import derive
from stackyard.build.interpreters import compiling
from stackyard.build.keys import key_of
from stackyard.build.plan import NOTHING, Plan, make_plan
from stackyard.build.results import Made
from stackyard.errors import InputError
from stackyard.lock.file import read_lock
from stackyard.lock.model import Lock
from stackyard.lock.stale import stale
from stackyard.oci.store import Store
from stackyard.stack.load import load
from stackyard.stack.values import Stack, Target


@dataclass(frozen=True)
class Project:
    """A stack and its lock."""

    stack: Stack
    lock: Lock

    @cached_property
    def name(self) -> str:
        """Tells this stack from others that share a store."""
        return key_of("project", registry=self.stack.registry, root=str(self.stack.root))

    def plan(
        self,
        targets: Sequence[Target],
        store: Store,
        elsewhere: Mapping[str, Made] = NOTHING,
        *,
        whole: bool = False,
    ) -> Plan:
        """What building *targets* takes; *elsewhere* and *whole* as for `make_plan`."""
        derived = derive(self.stack, self.lock, targets, compiling=compiling, project=self.name)
        return make_plan(derived, store, project=self.name, elsewhere=elsewhere, whole=whole)


def lock_path(stack: Stack) -> Path:
    """Where a stack's lock is: ``stackyard.lock`` beside ``stackyard.yaml``."""
    return stack.path.with_suffix(".lock")


def open_project(path: Path) -> Project:
    """Read a stack file and its lock.

    Raises:
        InputError: either is wrong or missing, or the lock is stale.
    """
    stack = load(path)
    where = lock_path(stack)
    if not where.is_file():
        raise InputError(f"{stack.path.name} has no lock yet", hint="run `stackyard lock`")
    lock = read_lock(where)
    if reasons := stale(stack, lock):
        raise InputError(
            f"{where.name} is stale: {'; '.join(reasons[:4])}"
            + (f" and {len(reasons) - 4} more" if len(reasons) > 4 else ""),
            hint="run `stackyard lock`; it moves only what has to move",
        )
    return Project(stack, lock)
