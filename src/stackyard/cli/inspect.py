"""`stackyard inspect`: what is in an image, or what differs between two."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from stackyard.cli import options

if TYPE_CHECKING:
    from stackyard.cli.images import Named
    from stackyard.oci.image import StoredImage
    from stackyard.oci.store import Store


@click.command()
@options.stack_file
@options.store
@click.option("--platform", metavar="OS/ARCH", help="Which platform's.  [default: this machine's]")
@click.option("--packages", is_flag=True, help="List every package.")
@click.option("--owner", "path_inside", metavar="PATH", help="Tell who owns a path of the image.")
@click.option("--diff", "other", metavar="IMAGE", help="Tell what differs in another image.")
@click.option("--insecure", is_flag=True, help="Use plain HTTP (loopback hosts always may).")
@options.as_json
@click.argument("image")
@click.pass_context
def command(
    ctx: click.Context,
    path: Path,
    store_root: Path,
    platform: str | None,
    packages: bool,
    path_inside: str | None,
    other: str | None,
    insecure: bool,
    as_json: bool,
    image: str,
) -> None:
    """Show what is in an image: its layers, packages, sizes, and whose a file is.

    \b
    IMAGE is one of
      geo-ml, geo-ml:py311     a target of the stack file, as it was built
      ghcr.io/acme/hub/geo:1   an image in a registry; what is not here is pulled
      oci:DIR[:NAME]           one in an OCI image layout
      docker-archive:FILE[:NAME], oci-archive:FILE[:NAME]
    """  # noqa: D301 - click's mark for lines that stay as they are
    from stackyard.cli.images import Finder
    from stackyard.errors import InputError
    from stackyard.oci.store import Store

    if other is not None and (packages or path_inside is not None):
        raise InputError(
            "--diff does not go with --packages and --owner", hint="ask one thing at a time"
        )
    store = Store.open(store_root)
    demanded = ctx.get_parameter_source("path") is not click.core.ParameterSource.DEFAULT
    finder = Finder(store, path, demanded, platform, insecure)
    found = finder.find(image)
    if other is not None:
        _diff(store, found, finder.find(other), as_json=as_json)
    elif path_inside is not None:
        _owner(store, found, path_inside, as_json=as_json)
    else:
        _inspect(store, found, packages=packages, as_json=as_json)


def _inspect(store: Store, named: Named, *, packages: bool, as_json: bool) -> None:
    from stackyard.cli import inspected
    from stackyard.inventory.contents import contents

    image = _read(store, named)
    found = contents(store, image)
    if as_json:
        click.echo(json.dumps(inspected.document(named, image, found), indent=2))
    else:
        inspected.show(named, image, found, each=packages)


def _owner(store: Store, named: Named, path: str, *, as_json: bool) -> None:
    from stackyard.cli.inspected import identity
    from stackyard.cli.owned import owned_document, show_owned
    from stackyard.inventory.owners import owner

    image = _read(store, named)
    found = owner(store, image, path)
    if as_json:
        told = owned_document(path, image, found)
        click.echo(json.dumps(identity(named, image) | told, indent=2))
    else:
        show_owned(path, image, found)


def _diff(store: Store, before: Named, after: Named, *, as_json: bool) -> None:
    from stackyard.cli.differing import difference_document, show_difference
    from stackyard.cli.inspected import identity
    from stackyard.inventory.compare import compare

    first, second = _read(store, before), _read(store, after)
    found = compare(store, first, second)
    if as_json:
        told = difference_document(identity(before, first), identity(after, second), second, found)
        click.echo(json.dumps(told, indent=2))
    else:
        show_difference(before, after, second, found)


def _read(store: Store, named: Named) -> StoredImage:
    from stackyard.oci.image import read_image

    return read_image(store, named.manifest)
