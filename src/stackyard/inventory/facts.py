"""What an image tells about its Python, as values."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Scheme:
    """Where a Python installation puts things (paths in the image, no leading slash).

    The keys are those of `sysconfig.get_paths` that wheels use:
    https://packaging.python.org/en/latest/specifications/binary-distribution-format/
    """

    purelib: str
    platlib: str
    scripts: str
    data: str
    headers: str


@dataclass(frozen=True, slots=True)
class BaseDist:
    """A Python distribution that is already there: its name is normalised."""

    name: str
    version: str
    requires: tuple[str, ...] = ()


@dataclass(frozen=True)
class PythonFacts:
    """The Python of an image.

    Attributes:
        version: in full, such as ``3.11.2``.
        interpreter: its absolute path in the image, such as ``/usr/bin/python3.11``.
        scheme: where an installer without further settings would install to.
        glibc: version of the C library, such as ``2.36``; None where there is none.
        dists: what this Python finds installed, sorted by name.
    """

    version: str
    interpreter: str
    scheme: Scheme
    glibc: str | None
    dists: tuple[BaseDist, ...] = ()

    @property
    def minor(self) -> str:
        """Such as ``3.11``."""
        return ".".join(self.version.split(".")[:2])
