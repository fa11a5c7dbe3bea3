"""`stackyard push`: publish images, building first what is not there yet."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from stackyard.cli import options
from stackyard.cli.tables import size, table

if TYPE_CHECKING:
    from stackyard.oci.registry.push import PushReport
    from stackyard.publish.editions import Edition
    from stackyard.system.engines import EngineName


@click.command()
@options.stack_file
@options.store
@options.jobs
@options.engines
@options.as_json
@click.option("--insecure", is_flag=True, help="Use plain HTTP (loopback hosts always may).")
@options.targets
def command(
    path: Path,
    store_root: Path,
    jobs: int,
    engine_name: EngineName | None,
    secrets: tuple[str, ...],
    step_timeout: float | None,
    keep_going: bool,
    as_json: bool,
    insecure: bool,
    targets: tuple[str, ...],
) -> None:
    """Publish images to the stack file's registry.

    What is not built yet is built first, for all of the stack's platforms. Only
    blobs that the registry lacks are sent, each as soon as it is made; tags move
    last. Credentials are those of `docker login` or `podman login`.
    """
    from stackyard.build.project import open_project
    from stackyard.build.selection import select
    from stackyard.cli.building import build_plan, engine_options, finish
    from stackyard.oci.store import Store
    from stackyard.publish.editions import editions
    from stackyard.publish.upload import Uploader

    engines = engine_options(engine_name, secrets, step_timeout)
    project = open_project(path)
    store = Store.open(store_root)
    plan = project.plan(select(project.stack, targets), store)
    with Uploader(
        project.stack, plan, store, insecure=insecure, advance=lambda _: None
    ) as uploader:
        built = build_plan(
            plan,
            project,
            store,
            jobs=jobs,
            as_json=as_json,
            engines=engines,
            keep_going=keep_going,
            on_made=uploader.made,
        )
        whole = editions(project.stack, plan, built.images, store)
        reports = uploader.finish(whole)
    _show(whole, reports, as_json=as_json)
    finish(built)


def _show(editions: list[Edition], reports: list[PushReport], *, as_json: bool) -> None:
    if as_json:
        for edition, report in zip(editions, reports, strict=True):
            click.echo(json.dumps(_document(edition, report)))
        return
    rows = [
        (e.reference.partition("@")[0], ", ".join(e.tags[1:]), size(r.uploaded_size), e.root.digest)
        for e, r in zip(editions, reports, strict=True)
    ]
    if rows:
        click.echo(table(("image", "also", "sent", "digest"), rows, right=frozenset({2})))


def _document(edition: Edition, report: PushReport) -> dict[str, object]:
    return {
        "event": "pushed",
        "image": edition.image,
        "variant": edition.variant,
        "reference": edition.reference,
        "tags": list(edition.tags),
        "uploaded": report.uploaded_size,
        "mounted": sum(blob.size for blob in report.mounted),
    }
