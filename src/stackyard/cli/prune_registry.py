"""Pruning the registry."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import click

from stackyard.build.project import open_project
from stackyard.build.selection import select
from stackyard.cli.agreement import agreed
from stackyard.cli.tables import size, table
from stackyard.errors import InputError
from stackyard.oci.reference import Reference
from stackyard.oci.registry.client import Registry
from stackyard.oci.store import Store
from stackyard.publish.inuse import UsedBy, planned_tags, used_by
from stackyard.publish.naming import repository
from stackyard.publish.retention import Leaving, Outcome, Policy, delete, find
from stackyard.publish.shelf import freed, read_shelf
from stackyard.stack.values import Stack

_Row = tuple[str, Leaving, int]
"""Repository, what goes from it, bytes."""


@dataclass
class _Place:
    """A repository of some stack file, with what the stack files plan for it.

    Attributes:
        selectable: how many editions of each variant the hub's users can choose.
    """

    reference: Reference
    stack: Stack
    planned: set[str] = field(default_factory=set)
    selectable: int = 0


def prune_registry(
    files: Sequence[Path],
    root: Path,
    *,
    keep: int,
    used: Sequence[IO[str]],
    insecure: bool,
    dry_run: bool,
    yes: bool,
    as_json: bool,
) -> None:
    """Show what can go, ask, and delete it.

    Raises:
        InputError: a stack file or its lock is wrong or stale, or names no registry; a
            file of what is used names nothing of it; nobody can be asked.
        OutsideError: the registry cannot be asked, or refuses.
    """
    if not files:
        raise InputError(
            "the stack file says which images are meant, and there is none here",
            hint="run this where stackyard.yaml is, or give it: --file FILE",
        )
    places = _places(files, Store.open(root))
    names = {place.reference.name for place in places.values()}
    lists = [used_by(file.name, file.read(), names) for file in used]
    with ExitStack() as closing:
        clients = {
            registry: closing.enter_context(Registry(registry, insecure=insecure))
            for registry in {place.reference.registry for place in places.values()}
        }
        outcomes = _find(places, clients, keep, lists)
        nothing = not any(outcome.leaving for outcome in outcomes)
        if not as_json:
            _show(outcomes)
        removed = not dry_run and not nothing and agreed(yes=yes, as_json=as_json)
        if removed:
            # While somebody thinks, others push.
            _delete(outcomes, outcomes if yes else _find(places, clients, keep, lists))
    if as_json:
        click.echo(json.dumps(_document(outcomes, removed=removed)))
    if removed:
        click.echo("removed; a registry gives the bytes back when it collects garbage", err=True)


def _delete(shown: Sequence[Outcome], now: Sequence[Outcome]) -> None:
    """Delete what was shown and still can go."""
    agreed_on = {(e.repository, e.version.digest) for _, e in _entries(shown)}
    for outcome, entry in _entries(now):
        if (entry.repository, entry.version.digest) in agreed_on:
            delete(outcome, entry)


def _places(files: Sequence[Path], store: Store) -> dict[str, _Place]:
    places: dict[str, _Place] = {}
    for path in files:
        project = open_project(path)
        stack = project.stack
        plan = project.plan(select(stack), store)
        for image, tags in planned_tags(stack, plan).items():
            reference = Reference.parse(repository(stack, image))
            place = places.setdefault(reference.name, _Place(reference, stack))
            place.planned |= tags
            place.selectable = max(place.selectable, _selectable(stack, image))
    return places


def _find(
    places: Mapping[str, _Place],
    clients: Mapping[str, Registry],
    keep: int,
    lists: Sequence[UsedBy],
) -> list[Outcome]:
    shelves = {
        name: read_shelf(clients[p.reference.registry], p.reference.repository)
        for name, p in places.items()
    }
    known = {k for shelf in shelves.values() for k in (*shelf.tags, *shelf.versions)}
    for entry in lists:
        entry.check(places.keys(), known)
    used = {word for entry in lists for word in entry.words}
    return [
        find(shelves[name], p.stack, Policy(max(keep, p.selectable), p.planned, used))
        for name, p in places.items()
    ]


def _selectable(stack: Stack, image: str) -> int:
    profiles = (stack.variants[v].images[image].profile for v in stack.image_variants[image])
    return max((1 + p.previous_versions for p in profiles if p), default=0)


def _entries(outcomes: Sequence[Outcome]) -> Iterator[tuple[Outcome, Leaving]]:
    return ((outcome, entry) for outcome in outcomes for entry in outcome.leaving)


def _rows(outcomes: Sequence[Outcome]) -> list[_Row]:
    sizes = freed(
        [entry.version for _, entry in _entries(outcomes)],
        [version for outcome in outcomes for version in outcome.staying],
    )
    return [
        (_name(outcome), entry, sizes.get(entry.version.digest, 0))
        for outcome, entry in _entries(outcomes)
    ]


def _undated(outcomes: Sequence[Outcome]) -> list[str]:
    return [f"{_name(outcome)}:{tag}" for outcome in outcomes for tag in outcome.undated]


def _show(outcomes: Sequence[Outcome]) -> None:
    for tag in _undated(outcomes):
        click.echo(f"stays, because nothing tells when it was published: {tag}", err=True)
    rows = _rows(outcomes)
    if not rows:
        click.echo("nothing to remove")
        return
    lines = [(name, e.kind, _told(e), _date(e), size(count)) for name, e, count in rows]
    header = ("repository", "kind", "tags", "published", "bytes")
    click.echo(table(header, lines, right=frozenset({4})))
    click.echo()
    summary = [(kind, str(count), size(total)) for kind, count, total in _summary(rows)]
    every = ("all", str(len(rows)), size(sum(row[2] for row in rows)))
    click.echo(table(("kind", "count", "bytes"), [*summary, every], right=frozenset({1, 2})))


def _document(outcomes: Sequence[Outcome], *, removed: bool) -> dict[str, object]:
    rows = _rows(outcomes)
    return {
        "removed": removed,
        "kinds": [{"kind": k, "count": n, "bytes": b} for k, n, b in _summary(rows)],
        "items": [
            {
                "kind": entry.kind,
                "repository": name,
                "digest": entry.version.digest,
                "tags": list(entry.tags),
                "published": entry.published.isoformat() if entry.published else None,
                "bytes": count,
            }
            for name, entry, count in rows
        ],
        "undated": _undated(outcomes),
    }


def _summary(rows: Sequence[_Row]) -> list[tuple[str, int, int]]:
    kinds: dict[str, list[int]] = defaultdict(list)
    for _, entry, count in rows:
        kinds[entry.kind].append(count)
    return [(kind, len(counts), sum(counts)) for kind, counts in kinds.items()]


def _name(outcome: Outcome) -> str:
    return f"{outcome.shelf.client.registry}/{outcome.shelf.repository}"


def _told(entry: Leaving) -> str:
    return ", ".join(entry.tags) or entry.version.digest[:19]


def _date(entry: Leaving) -> str:
    return f"{entry.published:%Y-%m-%d %H:%M}" if entry.published else ""
