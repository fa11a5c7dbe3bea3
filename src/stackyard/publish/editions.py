"""Editions: an image in one variant, for all of its platforms at once.

An edition is what a tag names and a hub offers: the image's manifest, or an
index over several when the stack has several platforms.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from stackyard.build.plan import Plan
from stackyard.build.results import Made
from stackyard.oci.assemble import assemble_index
from stackyard.oci.descriptor import Descriptor
from stackyard.oci.store import Store
from stackyard.publish.naming import immutable_tag, moving_tags, repository
from stackyard.stack.values import Stack, Target


@dataclass(frozen=True)
class Edition:
    """An image in one variant.

    Attributes:
        repository: such as ``ghcr.io/acme/hub/geo-ml``.
        root: the manifest, or the index over `manifests`.
        manifests: one for each platform.
        tags: the immutable one first, then those that move.
    """

    image: str
    variant: str
    repository: str
    root: Descriptor
    manifests: tuple[Descriptor, ...]
    tags: tuple[str, ...]

    @property
    def reference(self) -> str:
        """With the immutable tag, for people, and the digest, for machines."""
        return f"{self.repository}:{self.tags[0]}@{self.root.digest}"


def editions(
    stack: Stack, plan: Plan, images: Mapping[Target, Made], store: Store
) -> list[Edition]:
    """The editions whose images are whole for every platform of the stack.

    Raises:
        InputError: the stack file names no registry.
    """
    found: list[Edition] = []
    for image, variants in stack.image_variants.items():
        for variant in variants:
            targets = [Target(image, variant, platform) for platform in stack.platforms]
            manifests = tuple(m for t in targets if (m := _manifest(images.get(t))))
            if len(manifests) == len(targets):
                root = manifests[0] if len(manifests) == 1 else assemble_index(store, manifests)
                tags = (immutable_tag(plan, targets[0]), *moving_tags(stack, targets[0]))
                found.append(
                    Edition(image, variant, repository(stack, image), root, manifests, tags)
                )
    return found


def _manifest(made: Made | None) -> Descriptor | None:
    return made.manifest if made else None
