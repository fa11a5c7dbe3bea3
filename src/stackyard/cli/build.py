"""`stackyard build`: do what the plan says."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from stackyard.cli import options

if TYPE_CHECKING:
    from stackyard.system.engines import EngineName


@click.command()
@options.stack_file
@options.store
@options.platforms
@options.jobs
@options.engines
@options.registry
@options.as_json
@click.option(
    "--load",
    "load",
    type=click.Choice(["docker", "podman"]),
    help="Load the images into this engine on this machine.",
)
@click.option(
    "-o",
    "--output",
    metavar="oci:DIR|docker-archive:FILE",
    help="Write the images to an OCI layout, or to an archive for `docker load`.",
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
    offline: bool,
    insecure: bool,
    as_json: bool,
    load: str | None,
    output: str | None,
    targets: tuple[str, ...],
) -> None:
    """Build images: only what is not in the store yet.

    An image that is in the stack's registry as it would be built is pulled from there,
    and of one that changed, what its steps stand on. A TARGET is image, image:variant, or
    a glob of either; none means all. What a build has finished is kept when it fails or
    is stopped.
    """
    from stackyard.build.unchanged import LastBuild
    from stackyard.cli.imagetable import show_images
    from stackyard.oci.store import Store

    last = LastBuild(Store(store_root.absolute()), path, targets, platforms)
    if not (secrets or load or output) and (images := last.images()) is not None:
        if not as_json:
            click.echo("nothing to do: everything is in the store", err=True)
            show_images(images)
        return

    from stackyard.build.plan import parts_of
    from stackyard.build.project import open_project
    from stackyard.build.selection import select
    from stackyard.cli.building import build_plan, engine_options, finish, whole_images
    from stackyard.cli.outputs import load_into, parse_output
    from stackyard.cli.planning import planned

    write = parse_output(output) if output else None
    engines = engine_options(engine_name, secrets, step_timeout)
    project = open_project(path)
    store = Store.open(store_root)
    selected = select(project.stack, targets, platforms)
    with planned(project, selected, store, offline=offline, insecure=insecure, whole=True) as (
        plan,
        remote,
    ):
        built = build_plan(
            plan,
            project,
            store,
            jobs=jobs,
            as_json=as_json,
            engines=engines,
            keep_going=keep_going,
            pull=remote.pull,
            pull_images=True,
        )
    images = whole_images(built.images)
    if not as_json:
        show_images(images)
    # A Python that is installed later would compile what has no bytecode now.
    doubtful = project.stack.bytecode and plan.lacks_bytecode
    if not (built.errors or built.incomplete or doubtful):
        last.remember(images, parts_of(plan, store))
    if write:
        click.echo(write(project.stack, built, store), err=True)
    if load:
        click.echo(load_into(load, project.stack, built, store), err=True)
    finish(built)
