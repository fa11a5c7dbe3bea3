"""What packing one wheel takes, as a value that can be sent to another process."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, fields

from stackyard.inventory.facts import Scheme

PACKER_VERSION = 3
"""Goes up whenever the same wheel would give other bytes (the golden digests tell)."""


@dataclass(frozen=True, slots=True)
class WheelTask:
    """A wheel and the Python that it is unpacked for.

    Attributes:
        filename: the wheel's name, which says its distribution and version; the
            file itself may be called anything.
        sha256: what the file must hash to (hex).
        scheme: where that Python installs to.
        interpreter: its absolute path in the image, for the scripts.
        python_minor: such as ``3.11``.
        requested: somebody asked for this package by name (PEP 376, REQUESTED).
        bytecode: whether modules get their ``.pyc``. Set it only when there is a
            compiler: it is part of the key.
    """

    filename: str
    sha256: str
    scheme: Scheme
    interpreter: str
    python_minor: str
    requested: bool
    bytecode: bool


_OWN = tuple(field.name for field in fields(WheelTask) if field.name != "scheme")
_SCHEME = tuple(field.name for field in fields(Scheme))


def _scheme(scheme: Scheme) -> list[str]:
    return [getattr(scheme, name) for name in _SCHEME]


def packing_cost(task: WheelTask, size: int) -> int:
    """How long packing takes, in bytes of a wheel without bytecode: for starting the longest first.

    Compiling takes most of the time, and wheels for any platform are mostly modules.

    Args:
        task: what is packed.
        size: of the wheel, in bytes.
    """
    if not task.bytecode:
        return size
    return size * (60 if task.filename.endswith("-none-any.whl") else 10)


def segment_key(task: WheelTask) -> str:
    """The hash (hex) of everything that decides the task's result."""
    # By hand and not by `asdict`, which takes ten times as long: a plan has thousands.
    parts = [PACKER_VERSION, *(getattr(task, name) for name in _OWN), *_scheme(task.scheme)]
    text = json.dumps(parts, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()
