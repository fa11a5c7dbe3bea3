"""A unit's requirements, checked before uv sees them."""

from __future__ import annotations

from packaging.requirements import InvalidRequirement, Requirement

from stackyard.errors import InputError
from stackyard.lock.units import Unit

Lines = dict[str, tuple[str, ...]]
"""Layer to its requirements, each on one line with single spaces."""


def requirements(unit: Unit) -> Lines:
    """Every layer's requirements.

    Raises:
        InputError: one is not a PEP 508 requirement, or names a URL or a file.
    """
    out: Lines = {}
    for name, layer in unit.layers.items():
        lines = dict.fromkeys(" ".join(line.split()) for line in layer.pip)
        for line in lines:
            try:
                wanted = Requirement(line)
            except InvalidRequirement as error:
                reason = str(error).splitlines()[0]
                raise InputError(
                    f"layer {name} asks for {line!r}, which is not a requirement: {reason}",
                    where=layer.where,
                    hint="write it as in `pandas>=2,<3` or `dask[array]`",
                ) from None
            if wanted.url:
                raise InputError(
                    f"layer {name} asks for {wanted.name} at an address; "
                    "the lock names files and hashes, never a host",
                    where=layer.where,
                    hint="put the wheel on an index or into a links folder (UV_FIND_LINKS), and "
                    f"ask for `{wanted.name}==VERSION`",
                )
        out[name] = tuple(lines)
    return out


def asking(lines: Lines) -> dict[str, frozenset[str]]:
    """Each distinct requirement with the layers that ask for it."""
    out: dict[str, set[str]] = {}
    for layer, asked in lines.items():
        for line in asked:
            out.setdefault(line, set()).add(layer)
    return {line: frozenset(layers) for line, layers in out.items()}
