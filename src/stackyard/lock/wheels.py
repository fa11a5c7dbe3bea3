"""The one wheel of each package for each platform, with its hash and size."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import httpx

from stackyard.errors import OutsideError
from stackyard.lock.graph import File, Node
from stackyard.lock.model import Wheel
from stackyard.lock.settings import without_credentials
from stackyard.lock.simple import local, offers
from stackyard.lock.tags import choose
from stackyard.lock.targets import Goal
from stackyard.lock.web import Missing, Web, pieces

_THREADS = 8


@dataclass(frozen=True)
class Unfit:
    """A package that a platform has no wheel for."""

    node: Node
    platform: str


def pick(
    files: Collection[File], goal: Goal, before: Collection[Wheel], scratch: str
) -> File | None:
    """The file for one platform, or None when none fits.

    Args:
        files: what uv.lock lists for the package.
        goal: the platform.
        before: wheels that the previous lock had for this version and platform;
            one that is still there stays, also when a better build came later.
        scratch: name of the folder of metadata-only wheels, which are never taken.
    """
    real = {f.filename: f for f in files if scratch not in f.address}
    for wheel in before:
        file = real.get(wheel.filename)
        same = file is not None and file.sha256 in (None, wheel.sha256)
        if file and same and choose([wheel.filename], goal.tags):
            return File(wheel.filename, file.address, wheel.sha256, wheel.size)
    chosen = choose(real, goal.tags)
    return real[chosen] if chosen else None


def complete(web: Web, picked: Mapping[tuple[str, str], File]) -> dict[str, Wheel]:
    """Wheels with hash and size, by file name; what the index did not say is measured.

    Args:
        web: the indexes.
        picked: (package name, file name) to the file.

    Raises:
        OutsideError: a file cannot be read.
    """
    with ThreadPoolExecutor(_THREADS) as pool:
        made = pool.map(lambda item: _wheel(web, item[0][0], item[1]), picked.items())
        return {wheel.filename: wheel for wheel in made}


def _wheel(web: Web, name: str, file: File) -> Wheel:
    if file.sha256 and file.size is not None:
        return Wheel(file.filename, file.sha256, file.size)
    address = _address(web, name, file)
    size = file.size
    try:
        if (path := local(address)) is not None:
            return _measure(path, file)
        if file.sha256:
            size = web.read(address, _length, method="HEAD", headers=_PLAIN)
            if size is not None:
                return Wheel(file.filename, file.sha256, size)
        sha256, size = web.read(address, _hash, headers=_PLAIN)
    except Missing as missing:
        raise OutsideError(f"the index lists {file.filename}, but {missing} is not there") from None
    except OSError as error:
        raise OutsideError(f"reading {file.filename}: {error.strerror or error}") from error
    if file.sha256 and sha256 != file.sha256:
        raise OutsideError(
            f"{name}: the index says that {file.filename} has sha256 {file.sha256}, but at "
            f"{without_credentials(address)} it has {sha256}",
            hint="the index is inconsistent; tell its keeper",
        )
    return Wheel(file.filename, sha256, size)


_PLAIN = {"Accept-Encoding": "identity"}


def _address(web: Web, name: str, file: File) -> str:
    """Uv writes paths relative to a project that is gone; the index page knows better."""
    if "://" in file.address or Path(file.address).is_absolute():
        return file.address
    found = offers(web, name, file.filename)
    return found[0].address if found else file.address


def _measure(path: Path, file: File) -> Wheel:
    with path.open("rb") as opened:
        if file.sha256:
            return Wheel(file.filename, file.sha256, path.stat().st_size)
        return Wheel(
            file.filename, hashlib.file_digest(opened, "sha256").hexdigest(), path.stat().st_size
        )


def _length(response: httpx.Response) -> int | None:
    text = response.headers.get("Content-Length", "")
    return int(text) if text.isdecimal() else None


def _hash(response: httpx.Response) -> tuple[str, int]:
    digest = hashlib.sha256()
    size = 0
    for piece in pieces(response, _length(response)):
        digest.update(piece)
        size += len(piece)
    return digest.hexdigest(), size
