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
    """``--jobs``: how many processes pack at once."""
    return click.option(
        "-j",
        "--jobs",
        type=click.IntRange(1, 256),
        default=lambda: os.cpu_count() or 1,
        envvar="STACKYARD_JOBS",
        help="How many processes work at once.  [default: the machine's CPUs]",
    )(command)


def as_json(command: F) -> F:
    """``--json``: output for programs."""
    return click.option("--json", "as_json", is_flag=True, help="Output for programs.")(command)
