"""`stackyard profiles --helmrelease`: whether a Flux HelmRelease takes the list, and the edit."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import click

from stackyard.errors import InputError, ResultError
from stackyard.hub.delivery.shape import Settings
from stackyard.hub.deployed.source import STDIN, name_of, read_text
from stackyard.hub.release.edit import edited, release_in
from stackyard.hub.release.find import DOING, Release
from stackyard.hub.release.finding import Finding
from stackyard.hub.release.findings import findings
from stackyard.hub.release.unified import unified
from stackyard.hub.release.write import replace_text


def helmrelease(
    path: Path, settings: Settings, *, release: str | None = None, edit: bool = False
) -> None:
    """Say what keeps the ConfigMap's list from the hub, and show or make the edit.

    What is found goes to standard error, the edit as a difference to standard output, so
    that it can be piped to `patch`.

    Args:
        path: the file with the HelmRelease; ``-`` is standard input.
        settings: the ConfigMap's name and namespace.
        release: which HelmRelease, where the file has several.
        edit: whether to write the file.

    Raises:
        InputError: there is no such HelmRelease in the file, or it cannot be edited safely.
        ResultError: something keeps the list from the hub, and was not mended.
        OutsideError: the file cannot be read or written.
    """
    if edit and str(path) == STDIN:
        raise InputError(
            "--edit: standard input cannot be edited",
            hint="name the file, or leave --edit out and pipe what is printed to `patch`",
        )
    text, name = read_text(path, DOING), name_of(path)
    found = release_in(text, name, release)
    told = findings(found, settings)
    for finding in told:
        click.echo(str(finding), err=True)
    after = _edited(text, found, settings, told, edit=edit)
    if after != text:
        _show(unified(text, after, name))
    if edit and after != text:
        replace_text(path, text, after)
        click.echo(f"wrote {name}", err=True)
    _judge(told, name, settings, edit=edit, offered=after != text)


def _edited(
    text: str, found: Release, settings: Settings, told: Sequence[Finding], *, edit: bool
) -> str:
    """The text after the edit; as it is where there is nothing to edit, or where it cannot be."""
    if not any(finding.mended for finding in told):
        return text
    try:
        return edited(text, found, settings)
    except InputError as error:
        if edit:
            raise
        click.echo(str(error), err=True)
        return text


def _show(difference: str) -> None:
    """Print it; on a terminal without what would steer that."""
    if sys.stdout.isatty():
        kept = {"\n", "\t"}
        difference = "".join(c if c.isprintable() or c in kept else "?" for c in difference)
    click.echo(difference, nl=False)


def _judge(
    told: Sequence[Finding], name: str, settings: Settings, *, edit: bool, offered: bool
) -> None:
    problems = [finding for finding in told if finding.level == "problem"]
    left = [finding for finding in problems if not (edit and finding.mended)]
    if left:
        raise ResultError(
            f"{name}: {len(left)} problem{'' if len(left) == 1 else 's'} with how the HelmRelease "
            f"takes the ConfigMap {settings.name}",
            hint="run again with --edit to make the change above" if offered and not edit else None,
        )
    if not problems:
        click.echo(f"{name}: the HelmRelease takes the ConfigMap {settings.name}", err=True)
