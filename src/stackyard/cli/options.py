"""Options that several verbs share."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])

STACK_FILE = "stackyard.yaml"


def _default_store() -> Path:
    caches = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(caches) / "stackyard"


def stack_file(command: F) -> F:
    """``-f/--file``: the stack file."""
    return click.option(
        "-f",
        "--file",
        "path",
        type=click.Path(path_type=Path),
        default=STACK_FILE,
        show_default=True,
        envvar="STACKYARD_FILE",
        help="The stack file.",
    )(command)


def store(command: F) -> F:
    """``--store``: where blobs, caches and results are kept."""
    return click.option(
        "--store",
        "store_root",
        type=click.Path(path_type=Path, file_okay=False),
        default=_default_store,
        envvar="STACKYARD_STORE",
        help="The local store.  [default: ~/.cache/stackyard]",
    )(command)


def targets(command: F) -> F:
    """``[TARGET]...``: which images."""
    return click.argument("targets", nargs=-1, metavar="[TARGET]...")(command)


def platforms(command: F) -> F:
    """``--platform``: which platforms, instead of all of the stack file's."""
    return click.option(
        "--platform",
        "platforms",
        multiple=True,
        metavar="OS/ARCH",
        help="Only for this platform (may be repeated).",
    )(command)


def jobs(command: F) -> F:
    """``--jobs``: how many packers and engines work at once."""
    return click.option(
        "-j",
        "--jobs",
        type=click.IntRange(1, 256),
        default=lambda: os.cpu_count() or 1,
        envvar="STACKYARD_JOBS",
        help="How many processes work at once.  [default: the machine's CPUs]",
    )(command)


def engines(command: F) -> F:
    """How steps that need a container engine are done, and what a failure stops."""
    for option in reversed(
        (
            click.option(
                "--engine",
                "engine_name",
                type=click.Choice(["buildah", "docker"]),
                envvar="STACKYARD_ENGINE",
                help="What runs apt, run, containerfile and finish steps.  [default: buildah,"
                " or docker where buildah is not installed]",
            ),
            click.option(
                "--secret",
                "secrets",
                multiple=True,
                metavar="id=NAME,src=FILE|env=VAR",
                help="The value of a secret (may be repeated).  [default: the environment"
                " variable STACKYARD_SECRET_NAME]",
            ),
            click.option(
                "--step-timeout",
                type=click.FloatRange(min=1, max=7 * 86400),
                metavar="SECONDS",
                envvar="STACKYARD_STEP_TIMEOUT",
                help="Stop an engine's step that takes longer.  [default: 3600]",
            ),
            click.option(
                "--keep-going/--fail-fast",
                default=True,
                help="After a failure, build what does not stand on it, or start nothing"
                " more.  [default: --keep-going]",
            ),
        )
    ):
        command = option(command)
    return command


def registry(command: F) -> F:
    """How the stack's registry is asked."""
    for option in (
        click.option(
            "--insecure", is_flag=True, help="Use plain HTTP (loopback hosts always may)."
        ),
        click.option(
            "--offline",
            is_flag=True,
            envvar="STACKYARD_OFFLINE",
            help="Do not ask the registry what it has already.",
        ),
    ):
        command = option(command)
    return command


def as_json(command: F) -> F:
    """``--json``: output for programs."""
    return click.option("--json", "as_json", is_flag=True, help="Output for programs.")(command)
