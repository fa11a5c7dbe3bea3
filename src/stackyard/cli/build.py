"""`stackyard build`: do what the plan says."""

from __future__ import annotations

from pathlib import Path

import click

from stackyard.cli import options


@click.command()
@options.stack_file
@options.store
@options.platforms
@options.jobs
@options.as_json
@click.option(
    "--load",
    "engine",
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
    as_json: bool,
    engine: str | None,
    output: str | None,
    targets: tuple[str, ...],
) -> None:
    """Build images: only what is not in the store yet.

    A TARGET is image, image:variant, or a glob of either; none means all. What a
    build has finished is kept when it fails or is stopped.
    """
    from stackyard.build.project import open_project
    from stackyard.build.selection import select
    from stackyard.cli.building import build_plan, finish, show_images
    from stackyard.cli.outputs import load_into, parse_output
    from stackyard.oci.store import Store

    write = parse_output(output) if output else None
    project = open_project(path)
    store = Store.open(store_root)
    plan = project.plan(select(project.stack, targets, platforms), store)
    built = build_plan(plan, project, store, jobs=jobs, as_json=as_json)
    if not as_json:
        show_images(built.images)
    if write:
        click.echo(write(project.stack, built, store), err=True)
    if engine:
        click.echo(load_into(engine, project.stack, built, store), err=True)
    finish(built)
