"""`stackyard schema`: the stack file's JSON Schema, for editors."""

from __future__ import annotations

import json

import click


@click.command()
def command() -> None:
    """Print the stack file's JSON Schema.

    Editors that speak the YAML language server complete and check the stack
    file with it: save it beside the stack file as stackyard.schema.json and
    begin the stack file with
    "# yaml-language-server: $schema=stackyard.schema.json".
    """
    from stackyard.stack.schema import schema

    click.echo(json.dumps(schema(), indent=2))
