"""Values for the Zero to JupyterHub chart: the profile list and nothing else.

Helm merges mappings of values files and replaces lists, so whichever file comes last
with a `singleuser.profileList` gives the whole list.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from typing import Any

from stackyard.hub.delivery.comments import comment, origin, spot
from stackyard.hub.delivery.shape import Delivery, Settings
from stackyard.hub.delivery.yamltext import Path, dump
from stackyard.hub.names import IMAGE_OPTION, choice_key
from stackyard.hub.profiles import Offer
from stackyard.stack.values import Stack

FILE = "values.yaml"


def deliver(stack: Stack, offers: Sequence[Offer], settings: Settings) -> Delivery:
    """A values file; its comments say where each profile is written."""
    header = comment(
        *origin(stack),
        "",
        "helm upgrade RELEASE CHART -f YOUR_VALUES.yaml -f THIS_FILE",
        "",
        "The last file with a singleuser.profileList wins: lists replace each other.",
        "A changed list restarts the hub; running servers go on. An upgrade waits until",
        "every node has pulled new images: give it time, such as --timeout 30m.",
    )
    return Delivery({FILE: header + document(profiles(stack, offers), settings)})


def profiles(stack: Stack, offers: Sequence[Offer], *, lines: bool = True) -> list[str]:
    """Each profile as an item of the list.

    Args:
        stack: where they come from.
        offers: the profiles.
        lines: whether comments name lines of the stack file. They move with every line
            above them: leave them out where a text that differs has consequences.
    """
    return [_item(stack, offer, lines=lines) for offer in offers]


def document(items: Sequence[str], settings: Settings) -> str:
    """The values, of profiles made by `profiles`."""
    listed = "".join(items)
    text = "singleuser:\n  profileList:" + (f"\n{listed}" if listed else " []\n")
    return text + pull_secrets(settings)


def pull_secrets(settings: Settings) -> str:
    """The chart's list of pull secrets, or nothing.

    The chart gives them to all of its pods: the pullers, which take no others, and by
    KubeSpawner's `image_pull_secrets` those of the users.
    """
    if not settings.pull_secrets:
        return ""
    told = comment(
        "For every pod of the chart: the pullers and the users' servers among them.",
        "This list replaces that of a values file before this one: name all secrets here.",
    )
    return told + dump({"imagePullSecrets": [{"name": name} for name in settings.pull_secrets]})


def _item(stack: Stack, offer: Offer, *, lines: bool) -> str:
    key = f"images.{offer.image}.profile"
    told = f"{spot(stack, offer.where)}, {key}" if lines else key
    comments = dict(_sources(stack, offer, lines=lines))
    item = dump([offer.profile], {(0, *path): text for path, text in comments.items()})
    # The dump has its list two deep already; the list's place is four deep.
    return comment(told, indent=4) + textwrap.indent(item, "  ", lambda line: line != "\n")


def _sources(stack: Stack, offer: Offer, *, lines: bool) -> Iterator[tuple[Path, str]]:
    variants = {choice_key(name): name for name in stack.image_variants.get(offer.image, ())}
    options: dict[str, Any] = offer.profile.get("profile_options", {})
    for option, described in options.items():
        path = ("profile_options", option)
        if option != IMAGE_OPTION:
            if lines and (where := _option_place(stack, offer.image, option)):
                yield path, where
            continue
        yield path, "the image's versions"
        for choice in described.get("choices", {}):
            variant = variants.get(choice)
            told = f"variant {variant}" if variant else "a version published before"
            yield (*path, "choices", choice), told


def _option_place(stack: Stack, image: str, option: str) -> str | None:
    for variant in stack.image_variants.get(image, ()):
        if profile := stack.variants[variant].images[image].profile:
            where = profile.place("profile_options", option)
            return spot(stack, where) if where else None
    return None
