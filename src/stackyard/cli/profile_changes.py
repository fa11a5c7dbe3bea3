"""`stackyard profiles --check` and `--diff`: what the hub's users would see change."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from stackyard.errors import InputError, ResultError
from stackyard.hub.compare.asjson import as_json as to_json
from stackyard.hub.compare.changes import changes
from stackyard.hub.compare.markdown import as_markdown
from stackyard.hub.compare.plaintext import as_text
from stackyard.hub.compare.summary import noticed
from stackyard.hub.deployed.found import Found
from stackyard.hub.deployed.read import read_list
from stackyard.hub.deployed.source import STDIN, name_of
from stackyard.hub.profiles import Offer


def check(deployed: Path, offers: Sequence[Offer], *, as_json: bool = False) -> None:
    """Print what users would see change if what is published were deployed.

    Args:
        deployed: a file with the hub's list, in any form; ``-`` is standard input.
        offers: what is published.
        as_json: print JSON instead of text.

    Raises:
        InputError: there is no list in the file.
        ResultError: users would see a change.
    """
    check_list(read_list(deployed), name_of(deployed), offers, as_json=as_json)


def check_list(found: Found, name: str, offers: Sequence[Offer], *, as_json: bool = False) -> None:
    """As `check`, of a list that was read before.

    Args:
        found: the hub's list.
        name: what messages call the file.
        offers: what is published.
        as_json: print JSON instead of text.

    Raises:
        ResultError: users would see a change.
    """
    new = changes(found.profiles, _published(found, offers), found.kind)
    click.echo(to_json(new) if as_json else as_text(new), nl=False)
    if count := noticed(new):
        raise ResultError(
            f"{name}: what is deployed is not what is published: "
            f"{count:,} change{'' if count == 1 else 's'} for users",
            hint="deploy what `stackyard profiles` writes, if that is what users shall see",
        )


def diff(old: Path, new: Path, *, as_json: bool = False) -> None:
    """Print what users would see change between two files, as Markdown for a comment.

    Args:
        old: a file with a list, in any form; ``-`` is standard input, ``/dev/null`` no list.
        new: likewise.
        as_json: print JSON instead of Markdown.

    Raises:
        InputError: there is no list in a file, or the two are for different spawners.
    """
    if str(old) == str(new) == STDIN:
        raise InputError(
            "--diff: both lists are to come from standard input", hint="name a file for one"
        )
    before, after = read_list(old), read_list(new)
    kinds = {found.kind for found in (before, after) if found.profiles}
    if len(kinds) > 1:
        raise InputError(
            f"comparing {name_of(old)} and {name_of(new)}: one is KubeSpawner's list and the "
            "other DockerSpawner's",
            hint="give two lists of the same spawner",
        )
    found = changes(before.profiles, after.profiles, next(iter(kinds), "kubespawner"))
    click.echo(to_json(found) if as_json else as_markdown(found), nl=False)


def _published(found: Found, offers: Sequence[Offer]) -> Sequence[Mapping[str, Any]]:
    """What is published, in the form in which the hub has its list."""
    if found.kind == "kubespawner":
        return [offer.profile for offer in offers]
    from stackyard.hub.delivery.dockerspawner import allowed_images
    from stackyard.hub.deployed.pythonfile import images_as_profiles

    images = allowed_images(offers)
    return images_as_profiles(images, next(iter(images.values()), None))
