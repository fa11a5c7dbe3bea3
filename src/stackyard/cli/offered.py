"""What a hub can offer: the editions of all images with a profile, as they are published."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Literal

import click

from stackyard.build.plan import Plan
from stackyard.build.project import Project
from stackyard.build.results import Made
from stackyard.cli.planning import planned
from stackyard.errors import InputError, OutsideError
from stackyard.hub.published import Earlier, Published
from stackyard.oci.reference import Reference
from stackyard.oci.registry.client import Registry
from stackyard.oci.store import Store
from stackyard.publish.earlier import History, histories
from stackyard.publish.editions import Edition, editions
from stackyard.stack.values import Profile, Stack, Target

By = Literal["digest", "tag"]
_AT_ONCE = 8


def offered(
    project: Project, store_root: Path, *, by: By, offline: bool = False, insecure: bool = False
) -> list[Published]:
    """Every image that has a profile, with its versions before where they are asked for.

    Args:
        project: the stack and its lock.
        store_root: the store.
        by: how a cluster is to find it: by digest, or by the tag that never moves.
        offline: take what is built here, without asking whether it is published.
        insecure: plain HTTP, also to other hosts than this one.

    Raises:
        InputError: an image is not built or not published as the stack file has it now.
        OutsideError: the registry cannot be asked.
    """
    found = _editions(project, store_root, offline=offline, insecure=insecure)
    if offline or not found:
        past: Mapping[tuple[str, str], Sequence[Earlier]] = {}
        if any(_previous(project.stack, edition) for edition in found):
            click.echo("offline: no previous versions are offered", err=True)
    else:
        past = _asked(project.stack, found, by=by, insecure=insecure)
    return [
        Published(
            edition.image,
            edition.variant,
            _reference(edition.repository, edition.tags[0], edition.root.digest, by),
            tuple(past.get((edition.image, edition.variant), ())),
        )
        for edition in found
    ]


def _editions(
    project: Project, store_root: Path, *, offline: bool, insecure: bool
) -> list[Edition]:
    stack, store = project.stack, Store.open(store_root)
    wanted = [t for t in stack.targets if stack.image(t).profile]
    with planned(project, wanted, store, offline=offline, insecure=insecure) as (plan, _):
        missing = [target for target in wanted if _made(plan, target) is None]
        if missing:
            profile = _profile(stack, missing[0])
            raise InputError(
                f"not built as the stack file has them now: {', '.join(map(str, missing))}",
                where=profile.place() or stack.image(missing[0]).where,
                hint="run `stackyard build` first, and `stackyard push` to publish",
            )
        images = {t: made for t in wanted if (made := _made(plan, t))}
        return editions(stack, plan, images, store)


def _made(plan: Plan, target: Target) -> Made | None:
    return plan.decisions[plan.images[target]].made


def _profile(stack: Stack, target: Target) -> Profile:
    profile = stack.image(target).profile
    assert profile is not None  # noqa: S101 - only such targets are asked for
    return profile


def _previous(stack: Stack, edition: Edition) -> int:
    return _profile(stack, edition.targets[0]).previous_versions


def _asked(
    stack: Stack, found: Sequence[Edition], *, by: By, insecure: bool
) -> dict[tuple[str, str], list[Earlier]]:
    """Make sure that all is published; what was published before, where it is offered."""
    with ExitStack() as closing, ThreadPoolExecutor(_AT_ONCE) as pool:
        registry = Reference.parse(found[0].repository).registry
        client = closing.enter_context(Registry(registry, insecure=insecure))
        there = list(pool.map(lambda edition: _is_there(client, edition), found))
        unpublished = [e for e, is_there in zip(found, there, strict=True) if not is_there]
        if unpublished:
            named = ", ".join(f"{edition.image}:{edition.variant}" for edition in unpublished)
            raise InputError(
                f"built, but not published as the stack file has them now: {named}",
                where=_profile(stack, unpublished[0].targets[0]).place(),
                hint="run `stackyard push`; with --offline they are offered all the same",
            )
        wanted = {e.image: _previous(stack, e) for e in found if _previous(stack, e)}
        past = pool.map(
            lambda image: _past(client, stack, [e for e in found if e.image == image]), wanted
        )
        known = dict(zip(wanted, past, strict=True))
        return {
            (e.image, e.variant): _earlier(e, known[e.image][e.variant], wanted[e.image], by)
            for e in found
            if e.image in known
        }


def _is_there(client: Registry, edition: Edition) -> bool:
    repository = Reference.parse(edition.repository).repository
    try:
        return client.exists(repository, edition.root.digest) is not None
    except OutsideError as error:
        way = "with --offline what is built here is offered, without asking"
        hint = f"{error.hint}; {way}" if error.hint else way
        raise OutsideError(error.message, hint=hint) from error


def _past(client: Registry, stack: Stack, of: Sequence[Edition]) -> dict[str, History]:
    present = {edition.variant: edition.root.digest for edition in of}
    repository = Reference.parse(of[0].repository).repository
    return histories(client, repository, present, indexes=len(stack.platforms) > 1)


def _earlier(edition: Edition, history: History, count: int, by: By) -> list[Earlier]:
    if len(history.editions) < count and history.undated:
        click.echo(
            f"{edition.image}:{edition.variant}: not offered, because nothing tells when they "
            f"were published: {', '.join(history.undated)}",
            err=True,
        )
    return [
        Earlier(e.tag, _reference(edition.repository, e.tag, e.digest, by), e.published)
        for e in history.editions[:count]
    ]


def _reference(repository: str, tag: str, digest: str, by: By) -> str:
    return f"{repository}:{tag}@{digest}" if by == "digest" else f"{repository}:{tag}"
