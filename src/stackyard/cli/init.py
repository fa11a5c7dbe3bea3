"""`stackyard init`: a starting stack file."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

import click

from stackyard.cli import options


@click.command()
@click.argument("directory", type=click.Path(path_type=Path, file_okay=False), default=".")
def command(directory: Path) -> None:
    """Write a starting stack file into DIRECTORY.

    It builds as it is: one image for two Debian suites, ready to be changed.
    """
    from stackyard.errors import InputError
    from stackyard.oci.disk import disk

    target = directory / options.STACK_FILE
    with disk(f"writing {target}"):
        directory.mkdir(parents=True, exist_ok=True)
        try:
            with target.open("xb") as file:
                file.write(files("stackyard.cli").joinpath("starting.yaml").read_bytes())
        except FileExistsError:
            raise InputError(
                f"{target} is there already", hint="edit it, or name another directory"
            ) from None
    click.echo(f"wrote {target}; next: stackyard lock, then stackyard build")
