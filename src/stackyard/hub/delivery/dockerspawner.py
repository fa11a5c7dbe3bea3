"""A part of `jupyterhub_config.py` for a hub that starts its users' servers with docker."""

from __future__ import annotations

import html
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from stackyard.errors import InputError
from stackyard.hub.delivery.comments import comment, origin
from stackyard.hub.delivery.pythontext import literal
from stackyard.hub.delivery.references import Listed, selectable
from stackyard.hub.delivery.shape import Delivery, Settings
from stackyard.hub.names import IMAGE_OPTION
from stackyard.hub.profiles import Offer
from stackyard.stack.values import Stack

_HEADER = """
In jupyterhub_config.py: load_subconfig("profiles.py"), with the path from there. For a
class that stands on DockerSpawner, such as SystemUserSpawner, it works as it is.
Restart the hub when the list changed. Its form shows names, no descriptions.
"""

_SETTINGS = """
# Images keep their tags for good, so what is there need not be pulled again.
c.DockerSpawner.pull_policy = "ifnotpresent"

# A container that is kept would be started again with its old image. What users keep
# must be in a volume: all else goes with the container.
c.DockerSpawner.remove = True
"""

_BY_DIGEST = '''
from dockerspawner import DockerSpawner


class DigestSpawner(DockerSpawner):
    """Pulls by digest, at whose colon DockerSpawner 14.0.0 splits the image's name."""

    def docker(self, method, *args, **kwargs):
        if method == "pull" and args[0].endswith("@sha256"):
            args = (args[0].removesuffix("@sha256"), f"sha256:{args[1]}")
        return super().docker(method, *args, **kwargs)


# For another class that stands on DockerSpawner: let DigestSpawner stand on that.
c.JupyterHub.spawner_class = DigestSpawner
'''

_DRAWN = str.maketrans({"<": "\u2039", ">": "\u203a", '"': "\u201d", "'": "\u2019", "\\": "\u2216"})


def deliver(
    stack: Stack,
    offers: Sequence[Offer],
    settings: Settings,  # noqa: ARG001 - docker has no names and no secrets of Kubernetes
) -> Delivery:
    """A file for `load_subconfig`.

    DockerSpawner knows a name and an image for each choice and nothing else: what is not
    carried over is told in the file and in the notes.

    Raises:
        InputError: no image has a profile.
    """
    images = allowed_images(offers)
    if not images:
        raise InputError(
            f"{stack.path.name}: no image has a profile, and DockerSpawner needs one to start",
            hint="give an image a `profile:`",
        )
    lost = tuple(_lost(offers))
    told = [*origin(stack), *_HEADER.splitlines()]
    if lost:
        told += [
            "",
            "DockerSpawner knows an image for each choice and nothing else. Not carried over:",
        ]
        told += [f"- {line}" for line in lost]
    digest = any("@" in reference for reference in images.values())
    return Delivery(
        {"profiles.py": comment(*told) + (_BY_DIGEST if digest else "") + _images(images)},
        tuple(f"not carried over to DockerSpawner: {line}" for line in lost),
    )


def allowed_images(offers: Sequence[Offer]) -> dict[str, str]:
    """What DockerSpawner shows, to the image: the default first, because it preselects it."""
    images: dict[str, str] = {}
    for offer in sorted(offers, key=lambda offer: not offer.profile.get("default")):
        found = selectable(offer.profile)
        for image in found:
            name = _name(offer.profile, image, found)
            slug = str(offer.profile["slug"])
            for more in ("", f" ({slug})", f" ({slug}, {image.choice})"):
                if name + more not in images:
                    images[name + more] = image.reference
                    break
    return images


def _images(images: Mapping[str, str]) -> str:
    first = next(iter(images.values()))
    few = comment("One image: everybody gets it. The form shows from two on.", "")
    return (
        f"\nc.DockerSpawner.allowed_images = {literal(images)}\n\n"
        + (few if len(images) == 1 else "")
        + comment("For users who do not choose.")
        + f"c.DockerSpawner.image = {first!r}\n"
        + _SETTINGS
    )


def _name(profile: Mapping[str, Any], image: Listed, among: Sequence[Listed]) -> str:
    own = _drawn(str(profile["display_name"])) or str(profile["slug"])
    if image.choice is None or len(among) == 1:
        return own
    names = {other.choice: _drawn(other.name) or str(other.choice) for other in among}
    # Versions that have the profile's kind of name stand for themselves.
    return names[image.choice] if own in names.values() else f"{own} ({names[image.choice]})"


def _drawn(shown: str) -> str:
    """A name that DockerSpawner's form shows and gives back as it is.

    The form escapes nothing and writes Python's own notation of its options, so what
    HTML or that notation would change is drawn by a letter that looks like it.
    """
    text = html.unescape(shown).translate(_DRAWN)
    kept = "".join(letter if letter.isprintable() else " " for letter in text)
    words = " ".join(kept.split())
    return words if html.unescape(words) == words else words.replace("&", "\uff06")


def _lost(offers: Sequence[Offer]) -> Iterator[str]:
    for offer in offers:
        profile = offer.profile
        things = sorted(_overridden(profile))
        options: Mapping[str, Any] = profile.get("profile_options", {})
        if "unlisted_choice" in options.get(IMAGE_OPTION, {}):
            things.append("the unlisted choice")
        things += [f"the option {key}" for key in options if key != IMAGE_OPTION]
        if things:
            yield f"{profile['slug']}: {', '.join(things)}"


def _overridden(profile: Mapping[str, Any]) -> set[str]:
    versions = profile.get("profile_options", {}).get(IMAGE_OPTION, {}).get("choices", {})
    described = [profile, *versions.values()]
    return {name for each in described for name in each.get("kubespawner_override", {})} - {"image"}
