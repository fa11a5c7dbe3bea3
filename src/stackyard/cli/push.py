"""`stackyard push`: publish images, building first what is not there yet."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence, Set
from pathlib import Path
from typing import TYPE_CHECKING

import click

from stackyard.cli import options
from stackyard.cli.tables import size, table

if TYPE_CHECKING:
    from stackyard.oci.descriptor import Descriptor
    from stackyard.oci.registry.push import PushReport
    from stackyard.publish.editions import Edition
    from stackyard.system.engines import EngineName


@click.command()
@options.stack_file
@options.store
@options.platforms
@options.jobs
@options.engines
@options.as_json
@click.option("--insecure", is_flag=True, help="Use plain HTTP (loopback hosts always may).")
@click.option(
    "--index-only",
    is_flag=True,
    help="Merge what other machines pushed with --platform into one index for each image.",
)
@click.option(
    "--attest/--no-attest",
    default=True,
    help="Attach an SBOM and the provenance.  [default: --attest]",
)
@click.option(
    "--sign-key",
    metavar="FILE|env://NAME",
    envvar="STACKYARD_SIGN_KEY",
    help="Sign images, and what is attached, so that cosign verifies it.",
)
@options.targets
def command(
    path: Path,
    store_root: Path,
    platforms: tuple[str, ...],
    jobs: int,
    engine_name: EngineName | None,
    secrets: tuple[str, ...],
    step_timeout: float | None,
    keep_going: bool,
    as_json: bool,
    insecure: bool,
    index_only: bool,
    attest: bool,
    sign_key: str | None,
    targets: tuple[str, ...],
) -> None:
    """Publish images to the stack file's registry.

    An image that is there under its key is neither built nor sent again; what others
    need is built first. Only blobs that the registry lacks are sent, each as soon as it
    is made; tags move last. With --platform, images get no tag that moves until
    --index-only merges those of all platforms. Credentials are those of `docker login`
    or `podman login`.
    """
    from stackyard.build.project import open_project
    from stackyard.build.selection import select
    from stackyard.cli.building import build_plan, engine_options, finish
    from stackyard.cli.display import display
    from stackyard.cli.planning import planned
    from stackyard.oci.store import Store
    from stackyard.publish.attest import Attester
    from stackyard.publish.editions import editions, tagged
    from stackyard.publish.indexes import only_published
    from stackyard.publish.keys import load_key
    from stackyard.publish.origin import Builder, Origin
    from stackyard.publish.tags import Moment
    from stackyard.publish.upload import Uploader

    engines = engine_options(engine_name, secrets, step_timeout)
    project = open_project(path)
    stack, store = project.stack, Store.open(store_root)
    selected = select(stack, targets, () if index_only else platforms)
    key = load_key(sign_key) if sign_key else None
    origin = Origin.of(project, Builder.here()) if attest else None
    with planned(project, selected, store, insecure=insecure, every=True) as (found, remote):
        plan = only_published(found, remote) if index_only else found
        attester = Attester(origin, plan, store, remote, key)
        with Uploader(
            stack, plan, store, remote, attester, insecure=insecure, advance=lambda _: None
        ) as uploader:
            built = build_plan(
                plan,
                project,
                store,
                jobs=jobs,
                as_json=as_json,
                engines=engines,
                keep_going=keep_going,
                pull=remote.pull,
                on_made=uploader.made,
            )
            moment = Moment.now(stack)
            whole = [
                edition
                if all(plan.images[t] in remote.images for t in edition.targets) and not index_only
                else tagged(stack, project.lock, edition, moment)
                for edition in editions(stack, plan, built.images, store, platforms)
            ]
            with display(as_json=as_json) as show:
                reports = uploader.finish(whole, show)
    blobs = [
        {digest for t in edition.targets for digest in built.images[t].blobs or ()}
        for edition in whole
    ]
    _show(whole, reports, blobs, as_json=as_json)
    finish(built)


def _show(
    editions: Sequence[Edition],
    reports: Sequence[PushReport],
    blobs: Sequence[Set[str]],
    *,
    as_json: bool,
) -> None:
    places = [report.repository for report in reports]
    sent = list(_bytes(places, [report.uploaded for report in reports], blobs))
    if as_json:
        mounted = _bytes(places, [report.mounted for report in reports], blobs)
        for edition, up, over in zip(editions, sent, mounted, strict=True):
            click.echo(json.dumps(_document(edition, up, over)))
        return
    rows = [
        (e.reference.partition("@")[0], _also(e.tags[1:]), size(count), e.root.digest)
        for e, count in zip(editions, sent, strict=True)
    ]
    if rows:
        click.echo(table(("image", "also", "sent", "digest"), rows, right=frozenset({2})))


def _bytes(
    places: Sequence[str], moved: Sequence[Sequence[Descriptor]], blobs: Sequence[Set[str]]
) -> Iterator[int]:
    """Bytes that went to the registry with each edition, each blob counted where it comes first.

    Args:
        places: the editions' repositories.
        moved: what went to those repositories, for all editions in them together.
        blobs: digests of what the editions are made of. What is of none of them, such as
            the base that is kept beside them, counts with the first.
    """
    known = set().union(*blobs)
    counted: set[tuple[str, str]] = set()
    for place, went, own in zip(places, moved, blobs, strict=True):
        new = {
            (place, blob.digest): blob.size
            for blob in went
            if blob.digest in own or blob.digest not in known
        }
        yield sum(size for key, size in new.items() if key not in counted)
        counted |= new.keys()


def _also(tags: Sequence[str]) -> str:
    more = f" and {len(tags) - 3} more" if len(tags) > 3 else ""
    return ", ".join(tags[:3]) + more


def _document(edition: Edition, sent: int, mounted: int) -> dict[str, object]:
    return {
        "event": "pushed",
        "image": edition.image,
        "variant": edition.variant,
        "reference": edition.reference,
        "tags": list(edition.tags),
        "uploaded": sent,
        "mounted": mounted,
    }
