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
    from stackyard.hub.delivery.formats import By
    from stackyard.hub.delivery.shape import Delivery, Settings
    from stackyard.hub.profiles import Offer
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

    With --check, --diff or --helmrelease nothing is delivered: they tell what users would
    see change, or whether Flux takes the list. FILE may be what a format wrote, helm's or
    kubectl's output, values, a HelmRelease, or - for standard input.
    """
)
_FILE = click.Path(path_type=Path)
_MODES = {"deployed": "--check", "compared": "--diff", "helmrelease": "--helmrelease"}
_FOR = {
    "format_name": ("", "--helmrelease"),
    "by": ("",),
    "output": ("",),
    "pull_secrets": ("",),
    "name": ("", "--helmrelease"),
    "namespace": ("", "--helmrelease"),
    "release": ("--helmrelease",),
    "edit": ("--helmrelease",),
    "as_json": ("--check", "--diff"),
}
"""Which of the modes an option is for; "" is a delivery."""
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
@click.option(
    "--check",
    "deployed",
    type=_FILE,
    metavar="FILE",
    help="Tell what users would see change from the list in FILE; exit code 1 if anything.",
)
@click.option(
    "--diff",
    "compared",
    type=_FILE,
    nargs=2,
    metavar="OLD NEW",
    help="Tell what users would see change between two files, as Markdown.",
)
@click.option(
    "--helmrelease",
    type=_FILE,
    metavar="FILE",
    help="Tell what keeps the list from the hub of a Flux HelmRelease, and how to mend it.",
)
@click.option("--release", metavar="NAME", help="Which HelmRelease, if FILE has several.")
@click.option("--edit", is_flag=True, help="Mend the HelmRelease in FILE.")
@options.as_json
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
    deployed: Path | None,
    compared: tuple[Path, Path] | None,
    helmrelease: Path | None,
    release: str | None,
    edit: bool,
    as_json: bool,
    **asked: Any,
) -> None:
    """See `_HELP`."""
    _check_mode(ctx)
    if compared:
        from stackyard.cli.profile_changes import diff

        return diff(*compared, as_json=as_json)
    if helmrelease:
        from stackyard.cli.helmrelease import helmrelease as judge
        from stackyard.hub.delivery.shape import Settings

        settings = Settings(name=asked["name"], namespace=asked["namespace"])
        return judge(helmrelease, settings, release=release, edit=edit)
    if deployed:
        return _check(deployed, path, store_root, offline, insecure, as_json=as_json)
    settings = _settings(ctx, format_name, output, asked)
    from stackyard.hub.delivery.formats import deliver

    stack, found = _offers(
        path, store_root, by or FORMATS[format_name].by, offline=offline, insecure=insecure
    )
    made = deliver(format_name, stack, found, settings)
    return _print(made, output, stack, folder=FORMATS[format_name].folder)


def _check_mode(ctx: click.Context) -> None:
    """Refuse what does not go together.

    Raises:
        InputError: it does not.
    """
    given = {
        param.name: param.opts[-1]
        for param in ctx.command.params
        if param.name and ctx.get_parameter_source(param.name) is ParameterSource.COMMANDLINE
    }
    modes = [option for name, option in _MODES.items() if name in given]
    if len(modes) > 1:
        raise InputError(f"{' and '.join(modes)} do not go together", hint="take one of them")
    mode = modes[0] if modes else ""
    for name, users in _FOR.items():
        if name in given and mode not in users:
            told = " and ".join(user or "writing the list" for user in users)
            raise InputError(
                f"{given[name]} is for {told}" + (f", not for {mode}" if mode else ""),
                hint=f"leave {given[name]} out",
            )


def _check(
    deployed: Path,
    path: Path,
    store_root: Path,
    offline: bool,
    insecure: bool,
    *,
    as_json: bool,
) -> None:
    from stackyard.cli.profile_changes import check_list
    from stackyard.hub.deployed.read import read_list
    from stackyard.hub.deployed.source import name_of

    found = read_list(deployed)  # first: a wrong file is told without asking the registry
    _, offers = _offers(path, store_root, "digest", offline=offline, insecure=insecure)
    check_list(found, name_of(deployed), offers, as_json=as_json)


def _offers(
    path: Path, store_root: Path, by: By, *, offline: bool, insecure: bool
) -> tuple[Stack, tuple[Offer, ...]]:
    from stackyard.build.project import open_project
    from stackyard.cli.offered import offered
    from stackyard.hub.profiles import offers
    from stackyard.hub.remarks import remarks

    project = open_project(path)
    for remark in remarks(project.stack):
        click.echo(f"note: {remark}", err=True)
    published = offered(project, store_root, by=by, offline=offline, insecure=insecure)
    return project.stack, offers(project.stack, published)


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
