"""A plan for the verbs that build or publish: with what the registry has, unless offline."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import click

from stackyard.build.plan import Plan
from stackyard.build.project import Project
from stackyard.hub.profiles import check
from stackyard.oci.store import Store
from stackyard.publish.lookup import Remote, look_up
from stackyard.stack.values import Target


@contextmanager
def planned(
    project: Project,
    targets: Sequence[Target],
    store: Store,
    *,
    offline: bool = False,
    insecure: bool = False,
    every: bool = False,
    whole: bool = False,
) -> Iterator[tuple[Plan, Remote]]:
    """The plan, and where its blobs are that are in the registry; open for the block.

    A registry that cannot be asked is told of, and then has nothing.

    Args:
        project: the stack and its lock.
        targets: what is asked for.
        store: what is here.
        offline: ask no registry.
        insecure: plain HTTP, also to other hosts than this one.
        every: ask also for images that are in the store.
        whole: images that are found will be pulled.

    Raises:
        InputError: a profile of the stack that no hub would take, before work is done for it.
    """
    check(project.stack)
    plan = project.plan(targets, store)
    if offline:
        yield plan, Remote(store)
        return
    with look_up(project.stack, plan, store, insecure=insecure, every=every, whole=whole) as remote:
        if remote.failure:
            click.echo(f"planned without the registry: {remote.failure}", err=True)
        if remote.made:
            plan = project.plan(targets, store, remote.made, whole=whole)
        yield plan, remote
