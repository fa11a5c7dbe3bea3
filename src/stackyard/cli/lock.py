"""`stackyard lock`: resolve, or check that nothing needs resolving."""

from __future__ import annotations

from pathlib import Path

import click

from stackyard.cli import options


@click.command()
@options.stack_file
@options.store
@click.option(
    "--upgrade",
    is_flag=True,
    help="Take the newest versions: of the packages NAMEd, or of everything, bases too.",
)
@click.option("--check", is_flag=True, help="Change nothing; exit 1 if the lock is stale.")
@click.argument("names", nargs=-1, metavar="[NAME]...")
def command(
    path: Path, store_root: Path, upgrade: bool, check: bool, names: tuple[str, ...]
) -> None:
    """Resolve all layers together and write stackyard.lock.

    Every base, and every package for each variant's Python and each platform, is
    resolved and hashed. Locking again moves only what has to move. The package
    indexes are those that uv or pip use on this machine.
    """
    if names and not upgrade:
        raise click.UsageError(f"to upgrade {names[0]}, say: stackyard lock --upgrade {names[0]}")
    if check:
        _check(path)
    else:
        _lock(path, store_root, upgrade, names)


def _check(path: Path) -> None:
    from stackyard.build.project import lock_path
    from stackyard.errors import ResultError
    from stackyard.lock.file import read_lock
    from stackyard.lock.stale import stale
    from stackyard.stack.load import load

    stack = load(path)
    where = lock_path(stack)
    if not where.is_file():
        raise ResultError(f"{where.name} is missing", hint="run `stackyard lock`")
    if reasons := stale(stack, read_lock(where)):
        raise ResultError(
            f"{where.name} is stale:\n" + "\n".join(f"  {reason}" for reason in reasons),
            hint="run `stackyard lock`; it moves only what has to move",
        )
    click.echo(f"{where.name} is up to date")


def _lock(path: Path, store_root: Path, upgrade: bool, names: tuple[str, ...]) -> None:
    from stackyard.build.bases import lock_bases
    from stackyard.build.caches import addresses
    from stackyard.build.project import lock_path
    from stackyard.lock.changes import describe
    from stackyard.lock.file import read_lock, write_lock
    from stackyard.lock.model import Upgrade
    from stackyard.lock.resolve import resolve
    from stackyard.oci.store import Store
    from stackyard.stack.load import load

    stack = load(path)
    where = lock_path(stack)
    previous = read_lock(where) if where.is_file() else None
    everything = upgrade and not names

    def report(line: str) -> None:
        click.echo(line, err=True)

    store = Store.open(store_root)
    bases = lock_bases(stack, store, previous=previous, refresh=everything, report=report)
    lock = resolve(
        stack,
        bases,
        previous=previous,
        upgrade=Upgrade(everything=everything, names=frozenset(names)),
        report=report,
        url_cache=addresses(store),
    )
    if lock == previous:
        click.echo(f"{where.name} is up to date: nothing moved")
        return
    write_lock(where, lock)
    for line in describe(previous, lock):
        click.echo(line)
    click.echo(f"wrote {where.name}")
