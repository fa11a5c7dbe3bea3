"""Editions: an image in one variant, for all of its platforms at once.

An edition is what a tag names and a hub offers: the image's manifest, or an
index over several when the stack has several platforms.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

from stackyard.build.keys import key_of
from stackyard.build.plan import Plan
from stackyard.build.results import Made
from stackyard.lock.model import Lock
from stackyard.oci.assemble import assemble_index
from stackyard.oci.descriptor import Descriptor
from stackyard.oci.store import Store
from stackyard.publish.naming import repository
from stackyard.publish.tags import Moment, key_tag, moving_tags, telling_tags
from stackyard.stack.values import Stack, Target


@dataclass(frozen=True)
class Edition:
    """An image in one variant.

    Attributes:
        targets: its targets, one for each platform.
        repository: such as ``ghcr.io/acme/hub/geo-ml``.
        root: the manifest, or the index over `manifests`.
        manifests: one for each platform, with the tag that never moves.
        tags: the immutable one first, then those that move.
    """

    image: str
    variant: str
    targets: tuple[Target, ...]
    repository: str
    root: Descriptor
    manifests: tuple[tuple[Descriptor, str], ...]
    tags: tuple[str, ...]

    @property
    def reference(self) -> str:
        """With the immutable tag, for people, and the digest, for machines."""
        return f"{self.repository}:{self.tags[0]}@{self.root.digest}"


def editions(
    stack: Stack,
    plan: Plan,
    images: Mapping[Target, Made],
    store: Store,
    platforms: Collection[str] = (),
) -> list[Edition]:
    """The editions whose images are whole for every platform of the stack.

    Args:
        stack: the stack.
        plan: says the images' keys.
        images: those that are whole.
        store: gets the indexes.
        platforms: only these, without an index over all: the images then have no tag
            that moves, because others that belong to it are somewhere else.

    Raises:
        InputError: the stack file names no registry.
    """
    found: list[Edition] = []
    wanted = [p for p in stack.platforms if not platforms or p in platforms]
    apart = len(wanted) < len(stack.platforms)
    for image, variants in stack.image_variants.items():
        for variant in variants:
            targets = tuple(Target(image, variant, platform) for platform in wanted)
            whole = [images[t] for t in targets if t in images]
            if len(whole) < len(targets):
                continue
            groups = [(target,) for target in targets] if apart else [targets]
            found += [_edition(stack, plan, images, store, group, apart=apart) for group in groups]
    return found


def tagged(stack: Stack, lock: Lock, edition: Edition, moment: Moment) -> Edition:
    """An edition with the tags that say what is inside.

    One platform of several has none: a tag names them all.

    Raises:
        InputError: as `telling_tags`.
    """
    if edition.variant not in edition.tags:
        return edition
    telling = telling_tags(stack, lock, edition.targets[0], moment)
    return replace(edition, tags=tuple(dict.fromkeys((*edition.tags, *telling))))


def _edition(
    stack: Stack,
    plan: Plan,
    images: Mapping[Target, Made],
    store: Store,
    targets: tuple[Target, ...],
    *,
    apart: bool,
) -> Edition:
    image, variant = targets[0].image, targets[0].variant
    keys = [plan.images[target] for target in targets]
    manifests = [_manifest(images[target]) for target in targets]
    root = manifests[0] if len(manifests) == 1 else assemble_index(store, manifests)
    own = keys[0] if len(keys) == 1 else key_of("index", keys=keys)
    moving = () if apart else moving_tags(stack, image, variant)
    tagged = tuple(zip(manifests, [key_tag(variant, key) for key in keys], strict=True))
    return Edition(
        image,
        variant,
        targets,
        repository(stack, image),
        root,
        tagged,
        (key_tag(variant, own), *moving),
    )


def _manifest(made: Made) -> Descriptor:
    if made.manifest is None:
        raise TypeError("an image without a manifest")
    return made.manifest
