"""Which of a package's wheels a target gets.

Tags are those that pip would accept there, best first:
https://packaging.python.org/en/latest/specifications/platform-compatibility-tags/
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache

from packaging.tags import Tag, compatible_tags, cpython_tags
from packaging.utils import BuildTag, InvalidWheelFilename, parse_wheel_filename
from packaging.version import InvalidVersion

MACHINES: Mapping[str, str] = {
    "linux/amd64": "x86_64",
    "linux/arm64": "aarch64",
    "linux/arm64/v8": "aarch64",
    "linux/ppc64le": "ppc64le",
    "linux/s390x": "s390x",
    "linux/riscv64": "riscv64",
    "linux/386": "i686",
    "linux/arm/v7": "armv7l",
}
"""Platform in Go's words to `platform.machine()` there."""

_LEGACY = {17: "manylinux2014", 12: "manylinux2010", 5: "manylinux1"}
_OLDEST = {"x86_64": 5, "i686": 5}


def _linux(machine: str, glibc: tuple[int, int]) -> Iterator[str]:
    yield f"linux_{machine}"
    for minor in range(glibc[1], _OLDEST.get(machine, 17) - 1, -1):
        yield f"manylinux_2_{minor}_{machine}"
        if minor in _LEGACY:
            yield f"{_LEGACY[minor]}_{machine}"


@lru_cache(maxsize=64)
def ranks(python: str, machine: str, glibc: str) -> Mapping[Tag, int]:
    """Each tag that fits, with its rank: 0 is the best.

    Args:
        python: the minor version, such as ``3.11``.
        machine: such as ``x86_64``.
        glibc: such as ``2.36``.
    """
    version = tuple(map(int, python.split(".")[:2]))
    libc = tuple(map(int, glibc.split(".")[:2]))
    platforms = list(_linux(machine, (libc[0], libc[1])))
    interpreter = f"cp{version[0]}{version[1]}"
    tags = [
        *cpython_tags(version, [interpreter], platforms),
        *compatible_tags(version, interpreter, platforms),
    ]
    return {tag: rank for rank, tag in reversed(list(enumerate(tags)))}


def choose(filenames: Iterable[str], fitting: Mapping[Tag, int]) -> str | None:
    """The file name that an installer would choose, or None when none fits."""
    best: tuple[int, tuple[int, ...], BuildTag, str] | None = None
    for filename in filenames:
        try:
            _name, _version, build, tags = parse_wheel_filename(filename)
        except (InvalidWheelFilename, InvalidVersion):
            continue
        rank = min((fitting[tag] for tag in tags if tag in fitting), default=None)
        if rank is None:
            continue
        numbered = (-rank, (1,) if build else (0,), build or (), filename)
        if best is None or numbered > best:
            best = numbered
    return best[3] if best else None
