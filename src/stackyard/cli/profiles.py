"""`stackyard profiles`: the hub's profile list, from the images as they are published."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click
from click.core import ParameterSource

from stackyard.cli import options
from stackyard.errors import InputError
from stackyard.hub.delivery.formats import FORMATS

if TYPE_CHECKING:
    from stackyard.hub.delivery.shape import Delivery, Settings
    from stackyard.stack.values import Stack

_HELP = (
    """Write the profile list that lets the hub's users choose an image.

    Every image that has a `profile:` in the stack file is offered; its variants are
    choices. Images must be built before, and published.

    \b
    Formats:
"""
    + "".join(f"      {name:<14} {known.summary}\n" for name, known in FORMATS.items())
    + """
    docs/deliveries.md has the commands for each.
    """
)
_USED = {"name": "--name", "namespace": "--namespace", "pull_secrets": "--pull-secret"}


@click.command(help=_HELP)
@options.stack_file
@options.store
@options.registry
@click.option(
    "--format",
    "format_name",
    type=click.Choice(list(FORMATS)),
    default="values",
    show_default=True,
    help="What the list is for.",
)
@click.option(
    "--by",
    type=click.Choice(["digest", "tag"]),
    help="Name images by digest, or by the tag that never moves.  [default: digest; for"
    " dockerspawner tag]",
)
@click.option(
    "--name", default="stackyard-profiles", show_default=True, help="What the ConfigMap is called."
)
@click.option(
    "--namespace", default="jupyterhub", show_default=True, help="The ConfigMap's, and the hub's."
)
@click.option(
    "--pull-secret",
    "pull_secrets",
    multiple=True,
    metavar="NAME",
    help="A Secret with which the cluster pulls the images (may be repeated).",
)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    metavar="PATH",
    help="Write to this file, or for kustomize to this folder, instead of the terminal.",
)
@click.pass_context
def command(
    ctx: click.Context,
    /,
    path: Path,
    store_root: Path,
    offline: bool,
    insecure: bool,
    format_name: str,
    by: Literal["digest", "tag"] | None,
    output: Path | None,
    **asked: Any,
) -> None:
    """See `_HELP`."""
    settings = _settings(ctx, format_name, output, asked)
    from stackyard.build.project import open_project
    from stackyard.cli.offered import offered
    from stackyard.hub.delivery.formats import deliver
    from stackyard.hub.profiles import offers
    from stackyard.hub.remarks import remarks

    project = open_project(path)
    for remark in remarks(project.stack):
        click.echo(f"note: {remark}", err=True)
    published = offered(
        project, store_root, by=by or FORMATS[format_name].by, offline=offline, insecure=insecure
    )
    made = deliver(format_name, project.stack, offers(project.stack, published), settings)
    _print(made, output, project.stack, folder=FORMATS[format_name].folder)


def _settings(
    ctx: click.Context, format_name: str, output: Path | None, asked: dict[str, Any]
) -> Settings:
    """What is asked for, where the format has a use for it."""
    from stackyard.hub.delivery.shape import Settings

    uses = FORMATS[format_name].uses
    for name, option in _USED.items():
        given = ctx.get_parameter_source(name) is not ParameterSource.DEFAULT
        if given and name not in uses:
            users = [other for other, known in FORMATS.items() if name in known.uses]
            raise InputError(
                f"--format {format_name} has no use for {option}",
                hint=f"leave it out; it is for {', '.join(users)}",
            )
    if FORMATS[format_name].folder and _is_terminal(output):
        raise InputError(
            f"--format {format_name} is several files",
            hint="name a folder for them: -o FOLDER",
        )
    return Settings(**{name: asked[name] for name in uses})


def _is_terminal(output: Path | None) -> bool:
    return output is None or str(output) == "-"


def _print(made: Delivery, output: Path | None, stack: Stack, *, folder: bool) -> None:
    for note in made.notes:
        click.echo(f"note: {note}", err=True)
    if output is None or _is_terminal(output):
        click.echo(made.text, nl=False)
        return
    from stackyard.hub.delivery.place import place

    place(made, output, stack, folder=folder)
    click.echo(f"wrote {output}", err=True)
