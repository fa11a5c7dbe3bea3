"""`stackyard profiles`: the hub's profile list, from the digests of the images."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from stackyard.cli import options

if TYPE_CHECKING:
    from stackyard.build.project import Project
    from stackyard.publish.editions import Edition


@click.command()
@options.stack_file
@options.store
@options.registry
@click.option(
    "--format",
    "delivery",
    type=click.Choice(["values", "configmap", "flux"]),
    default="values",
    show_default=True,
    help="Helm values, a ConfigMap, or a ConfigMap with what Flux needs to merge it.",
)
@click.option("--name", default="stackyard-profiles", show_default=True, help="The ConfigMap's.")
@click.option("--namespace", default="jupyterhub", show_default=True, help="The ConfigMap's.")
def command(
    path: Path,
    store_root: Path,
    offline: bool,
    insecure: bool,
    delivery: str,
    name: str,
    namespace: str,
) -> None:
    """Write the profile list that lets the hub's users choose an image.

    Every image that has a `profile:` in the stack file is offered, by the digest
    that was built; its variants are choices. Images must be built before.
    """
    from stackyard.build.project import open_project
    from stackyard.hub.deliver import configmap, flux, values
    from stackyard.hub.profiles import Published

    project = open_project(path)
    published = [
        Published(edition.image, edition.variant, edition.reference)
        for edition in _offered(project, store_root, offline=offline, insecure=insecure)
    ]
    match delivery:
        case "values":
            text = values(project.stack, published)
        case "configmap":
            text = configmap(project.stack, published, name=name, namespace=namespace)
        case _:
            text = flux(project.stack, published, name=name, namespace=namespace)
    click.echo(text, nl=False)


def _offered(project: Project, store_root: Path, *, offline: bool, insecure: bool) -> list[Edition]:
    from stackyard.cli.planning import planned
    from stackyard.errors import InputError
    from stackyard.oci.store import Store
    from stackyard.publish.editions import editions

    stack = project.stack
    store = Store.open(store_root)
    wanted = [t for t in stack.targets if stack.image(t).profile]
    with planned(project, wanted, store, offline=offline, insecure=insecure) as (plan, _):
        missing = [str(t) for t, key in plan.images.items() if plan.decisions[key].made is None]
        if missing:
            raise InputError(
                f"not built as the stack file has them now: {', '.join(missing)}",
                hint="run `stackyard build` first",
            )
        images = {t: made for t, key in plan.images.items() if (made := plan.decisions[key].made)}
        return editions(stack, plan, images, store)
