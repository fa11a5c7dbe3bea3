"""Asking before something is removed for good."""

from __future__ import annotations

import sys

import click

from stackyard.errors import InputError


def agreed(*, yes: bool, as_json: bool) -> bool:
    """Whether to go on: asked on a terminal.

    Raises:
        InputError: there is nobody to ask.
    """
    if yes:
        return True
    if as_json or not sys.stdin.isatty():
        why = "with --json nobody is asked" if as_json else "nobody can be asked on a pipe"
        raise InputError(
            f"nothing was removed: {why}",
            hint="look at it with --dry-run, then run again with --yes",
        )
    if click.confirm("Remove all this?", err=True):
        return True
    click.echo("nothing was removed", err=True)
    return False
