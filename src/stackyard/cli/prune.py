"""`stackyard prune`: what nobody needs any more, in the store or in the registry."""

from __future__ import annotations

import re
from pathlib import Path
from typing import IO

import click

from stackyard.cli import options

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}
_OF_STORE = {
    "min_age": "--min-age",
    "cache_age": "--cache-age",
    "engine_storage": "--engine-storage",
}
_OF_REGISTRY = {"keep_used": "--keep-used", "insecure": "--insecure"}


class Age(click.ParamType):  # type: ignore[type-arg]  # not generic in click 8.1
    """A length of time in seconds, written such as ``12h``, ``30d`` or ``0``."""

    name = "age"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Read it."""
        if isinstance(value, (int, float)):
            return float(value)
        match = re.fullmatch(r"(\d{1,6}(?:\.\d{1,3})?)([smhdw])|0", str(value).strip())
        if match is None:
            self.fail(f"{value!r} is not an age; write such as 12h, 30d or 2w", param, ctx)
        return float(match[1]) * _UNITS[match[2]] if match[1] else 0.0


@click.command()
@click.option(
    "-f",
    "--file",
    "paths",
    multiple=True,
    type=click.Path(path_type=Path),
    envvar="STACKYARD_FILE",
    help="A stack file whose images stay (may be repeated).  [default: stackyard.yaml, if any]",
)
@options.store
@click.option("--registry", is_flag=True, help="Delete old tags in the registry, not the store.")
@click.option(
    "--keep",
    type=click.IntRange(0, 100_000),
    metavar="N",
    help="How many builds of each image stay; in the registry of each image and variant."
    "  [default: 1; in the registry 5]",
)
@click.option(
    "--keep-used",
    type=click.File("r", encoding="utf-8", errors="replace"),
    multiple=True,
    metavar="FILE",
    help="What this file names stays: a profile list, values, a HelmRelease (may be repeated).",
)
@click.option("--insecure", is_flag=True, help="Use plain HTTP (loopback hosts always may).")
@click.option(
    "--min-age",
    type=Age(),
    default="1d",
    show_default=True,
    help="What is younger stays in the store.",
)
@click.option(
    "--cache-age",
    type=Age(),
    default="30d",
    show_default=True,
    help="Wheels, packed wheels and logs go when they were not used for so long.",
)
@click.option(
    "--engine-storage",
    is_flag=True,
    help="Also remove all that buildah keeps in the store, with the caches of steps.",
)
@click.option("-n", "--dry-run", is_flag=True, help="Only show what would go.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@options.as_json
@click.pass_context
def command(
    ctx: click.Context,
    paths: tuple[Path, ...],
    store_root: Path,
    registry: bool,
    keep: int | None,
    keep_used: tuple[IO[str], ...],
    insecure: bool,
    min_age: float,
    cache_age: float,
    engine_storage: bool,
    dry_run: bool,
    yes: bool,
    as_json: bool,
) -> None:
    """Remove old blobs, caches, images and tags.

    In the store everything stays that the stack files need now, the last builds of every
    image, and what tags name. With --registry, of each image and variant the last editions
    stay, with what a moving tag, the stack file or a file given by --keep-used names.
    """
    _check(ctx, registry=registry)
    files = _files(paths)
    if registry:
        from stackyard.cli.prune_registry import prune_registry

        prune_registry(
            files,
            store_root,
            keep=5 if keep is None else keep,
            used=keep_used,
            insecure=insecure,
            dry_run=dry_run,
            yes=yes,
            as_json=as_json,
        )
    else:
        from stackyard.cli.prune_store import Limits, prune_store

        prune_store(
            files,
            store_root,
            Limits(1 if keep is None else keep, min_age, cache_age, engine_storage),
            dry_run=dry_run,
            yes=yes,
            as_json=as_json,
        )


def _check(ctx: click.Context, *, registry: bool) -> None:
    """Refuse options that would do nothing."""
    for name, option in (_OF_STORE if registry else _OF_REGISTRY).items():
        if ctx.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE:
            other = "is for the store, and --registry is given" if registry else "needs --registry"
            raise click.UsageError(f"{option} {other}", ctx)


def _files(paths: tuple[Path, ...]) -> list[Path]:
    if paths:
        return list(paths)
    default = Path(options.STACK_FILE)
    return [default] if default.exists() else []
