"""Pruning the store."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import click

from stackyard.build.project import open_project
from stackyard.build.retained import retained
from stackyard.cli.agreement import agreed
from stackyard.cli.tables import size, table
from stackyard.oci.collect import Since, find, remove
from stackyard.oci.leftovers import Item
from stackyard.oci.store import Store
from stackyard.system import buildah_storage

_WORDS = {
    "segments": "packed wheels",
    "addresses": "addresses of wheels",
    "interpreters": "Pythons of bases",
    "listing": "lists of files",
}
_PARENTS = "buildah's parents"
_STORAGE = "buildah's storage"
_DAY = 86400


@dataclass(frozen=True)
class Limits:
    """How much stays; ages in seconds."""

    keep: int
    min_age: float
    cache_age: float
    engine_storage: bool


@dataclass(frozen=True)
class _Found:
    """What can go: of the store, and of the engine's (without paths)."""

    items: tuple[Item, ...]
    engine: tuple[Item, ...]

    @property
    def all(self) -> tuple[Item, ...]:
        return (*self.items, *self.engine)


def prune_store(
    files: Sequence[Path],
    root: Path,
    limits: Limits,
    *,
    dry_run: bool,
    yes: bool,
    as_json: bool,
) -> None:
    """Show what can go, ask, and remove it.

    Raises:
        InputError: a stack file or its lock is wrong or stale; nobody can be asked.
        OutsideError: the disk is broken, or another process uses the store.
    """
    store = Store.open(root)
    found = _find(files, store, limits)
    if not as_json:
        _show(found)
    removed = bool(found.all) and not dry_run and agreed(yes=yes, as_json=as_json)
    if removed:
        with store.held():
            # What was shown, unless it came to be needed since.
            still = _both(found, _find(files, store, limits))
            _remove(store, still, limits)
        click.echo(f"removed {size(sum(item.size for item in still.all))}", err=True)
    if as_json:
        click.echo(json.dumps(_document(found, removed=removed)))


def _both(shown: _Found, now: _Found) -> _Found:
    left = {(item.kind, item.name) for item in now.all}
    items, engine = (
        tuple(item for item in items if (item.kind, item.name) in left)
        for items in (shown.items, shown.engine)
    )
    return _Found(items, engine)


def _find(files: Sequence[Path], store: Store, limits: Limits) -> _Found:
    projects = [open_project(path) for path in files]
    keep = retained(store, projects, last=limits.keep)
    since = Since(time.time() - limits.min_age, time.time() - limits.cache_age)
    items = find(store, keep, since, apart=frozenset({buildah_storage.FOLDER}))
    return _Found(tuple(items), tuple(_engine(store, limits)))


def _engine(store: Store, limits: Limits) -> list[Item]:
    if limits.engine_storage:
        count = buildah_storage.storage_size(store)
        return [Item(_STORAGE, _STORAGE, count, ())] if count else []
    if shutil.which("buildah") is None:
        return []
    unused = buildah_storage.unused_parents(store, limits.cache_age / _DAY)
    return [Item(_PARENTS, parent.id, parent.size, ()) for parent in unused]


def _remove(store: Store, found: _Found, limits: Limits) -> None:
    remove(store, found.items)
    if found.engine and limits.engine_storage:
        buildah_storage.remove_storage(store)
    elif found.engine:
        buildah_storage.remove_parents(store, limits.cache_age / _DAY)


def _kinds(found: _Found) -> list[tuple[str, int, int]]:
    kinds: dict[str, list[int]] = {}
    for item in found.all:
        kinds.setdefault(_word(item), []).append(item.size)
    return [(kind, len(sizes), sum(sizes)) for kind, sizes in kinds.items()]


def _show(found: _Found) -> None:
    rows = _kinds(found)
    if not rows:
        click.echo("nothing to remove")
        return
    rows.append(("all", sum(row[1] for row in rows), sum(row[2] for row in rows)))
    text = [(kind, str(count), size(total)) for kind, count, total in rows]
    click.echo(table(("kind", "count", "bytes"), text, right=frozenset({1, 2})))


def _document(found: _Found, *, removed: bool) -> dict[str, object]:
    return {
        "removed": removed,
        "kinds": [{"kind": k, "count": n, "bytes": b} for k, n, b in _kinds(found)],
        "items": [{"kind": _word(i), "name": i.name, "bytes": i.size} for i in found.all],
    }


def _word(item: Item) -> str:
    """What people call it; caches have the number of their format in their names."""
    return _WORDS.get(item.kind.partition("-")[0], item.kind)
