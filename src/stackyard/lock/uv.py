"""Running `uv lock` on a generated project."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from stackyard.errors import OutsideError
from stackyard.lock.project import Project
from stackyard.lock.settings import IndexSettings

_SECONDS = 1800
_OURS = (
    "UV_FROZEN",
    "UV_LOCKED",
    "UV_PROJECT",
    "UV_WORKING_DIR",
    "UV_WORKING_DIRECTORY",
    "UV_PYTHON",
    "UV_PYTHON_DOWNLOADS",
    "UV_NO_BINARY",
    "UV_NO_BUILD",
    "UV_ISOLATED",
    "UV_ENV_FILE",
    "VIRTUAL_ENV",
)
_OUTSIDE = re.compile(
    r"Failed to fetch|error sending request|Request failed|status code \d{3}|"
    r"(?:401|403|407|429|5\d\d) [A-Z]|Unauthorized|Forbidden|timed? ?out|Could not connect"
)


def _program() -> str:
    try:
        from uv import find_uv_bin  # noqa: PLC0415 - only needed once uv must run

        return find_uv_bin()
    except (ImportError, FileNotFoundError) as error:
        raise OutsideError(
            "uv, which resolves packages, is not installed beside Stackyard",
            hint="reinstall Stackyard, or `pip install uv` into its environment",
        ) from error


@dataclass(frozen=True)
class Unsolvable:
    """uv found that the requirements have no solution; its words, with group names."""

    message: str


@dataclass(frozen=True)
class Preference:
    """A version to keep when nothing speaks against it."""

    name: str
    version: str


@dataclass(frozen=True)
class Uv:
    """uv with the settings of this machine.

    Attributes:
        settings: the indexes.
        program: uv itself.
    """

    settings: IndexSettings
    program: str = field(default_factory=_program)

    def lock(
        self,
        project: Project,
        keep: Iterable[Preference] = (),
        *,
        offline: bool = False,
        refresh: Iterable[str] = (),
    ) -> dict[str, Any] | Unsolvable:
        """Resolve *project*.

        Args:
            project: what to resolve.
            keep: locked versions, which stay unless they must move.
            offline: use only what uv has in its cache.
            refresh: options that make uv ask the index again, whatever its cache has.

        Returns:
            The document of uv.lock, or why there is none.

        Raises:
            OutsideError: uv cannot be run, an index fails, the disk is full.
        """
        try:
            with tempfile.TemporaryDirectory(prefix="stackyard-lock-") as folder:
                root = Path(folder)
                (root / "pyproject.toml").write_text(project.toml())
                if text := _preferences(keep):
                    (root / "uv.lock").write_text(text)
                done = self._run(root, ["--offline"] if offline else refresh)
                if done.returncode == 0:
                    return tomllib.loads((root / "uv.lock").read_text())
        except OSError as error:
            raise OutsideError(f"running uv: {error.strerror or error}") from error
        except subprocess.TimeoutExpired as error:
            raise OutsideError(
                f"uv did not finish resolving within {_SECONDS // 60} minutes",
                hint="see whether the package index answers, then run it again",
            ) from error
        message = self.settings.scrub(done.stderr.strip())
        if "No solution found" in message and not (_OUTSIDE.search(message) and not offline):
            return Unsolvable(message)
        raise OutsideError(
            f"resolving packages with uv failed:\n{_indent(message)}",
            hint="see that the package index answers and takes your credentials (uv's and pip's "
            "settings, netrc), then run it again",
        )

    def _run(self, root: Path, options: Iterable[str]) -> subprocess.CompletedProcess[str]:
        env = {key: value for key, value in os.environ.items() if key not in _OURS}
        env |= self.settings.environ
        # Its words are read here, and shown by us: at COLUMNS they would be broken.
        env |= {"UV_NO_WRAP": "1", "COLUMNS": "10000"}
        command = [self.program, "lock", "--python", sys.executable, "--directory", str(root)]
        command += ["--no-progress", "--color", "never", "--no-python-downloads"]
        command += ["--no-index"] if self.settings.default is None else []
        command += options
        return subprocess.run(
            command,
            env=env,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=False,
        )


def _preferences(keep: Iterable[Preference]) -> str:
    """A uv.lock that says nothing but versions: uv takes those as its preferences."""
    blocks = [
        f'[[package]]\nname = "{p.name}"\nversion = "{p.version}"\n'
        'source = { registry = "https://pypi.org/simple" }\n'
        for p in keep
    ]
    head = 'version = 1\nrevision = 3\nrequires-python = ">=3.8"\n'
    return "\n".join([head, *blocks]) if blocks else ""


def _indent(text: str) -> str:
    lines = [line for line in text.splitlines() if not line.startswith("Using CPython")]
    return "\n".join(f"    {line}" for line in lines)


def words(message: str, groups: Mapping[str, Iterable[str]]) -> str:
    """Uv's explanation with the layers' names for the groups', indented."""

    def name(match: re.Match[str]) -> str:
        layers = sorted(groups.get(match.group(1), ()))
        return f"layer {' or '.join(layers)}" if layers else match.group(0)

    lines = message[message.find("cause:") + len("cause:") :].partition("\nhint:")[0].split("\n")
    text = "\n".join(line.strip() for line in lines if line.strip())
    text = re.sub(r"stackyard-layers:(g\d+)", name, text)
    text = re.sub(r"stackyard-layers\[group:(g\d+)\]", name, text)
    text = re.sub(r"`python_full_version[^`]*`-compatible", "fitting", text)
    return _indent(text.replace("your project", "the stack"))


def groups_named(message: str) -> set[str]:
    """The groups that uv's explanation speaks of."""
    return set(re.findall(r"stackyard-layers:(g\d+)", message))


def not_found(message: str) -> list[str]:
    """The packages that uv says no index has."""
    return sorted(set(re.findall(r"([A-Za-z0-9._-]+) was not found in the package regis", message)))


def without_wheels(message: str) -> list[str]:
    """The packages that uv says have no wheel to use."""
    found = re.findall(r"([A-Za-z0-9._-]+)(?:[=<>!~][^ ]*)? ha(?:s|ve) no [^\n]*?wheels", message)
    return sorted(set(found))
