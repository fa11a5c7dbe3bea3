"""One image: from what is written to the value, and what its layers must fulfil."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from stackyard.errors import Position
from stackyard.stack.check import check
from stackyard.stack.document import Node
from stackyard.stack.include import Definition
from stackyard.stack.problems import Problems
from stackyard.stack.profile import make_profile
from stackyard.stack.source import ImageSource
from stackyard.stack.values import Image, Layer


def read_image(name: str, node: Node, problems: Problems) -> ImageSource | None:
    """The image as written; None when its shape is wrong."""
    return check(ImageSource, node, f"images.{name}", problems)


def make_image(
    name: str,
    definition: Definition,
    node: Node,
    source: ImageSource,
    closure: Sequence[str],
    layers: Mapping[str, Layer],
    problems: Problems,
) -> Image | None:
    """The image's value; None when its layers do not go together.

    Args:
        name: the image's name.
        definition: where it is written.
        node: what is written there, rendered.
        source: the same, read.
        closure: its layers in stacking order.
        layers: at least those of the closure.
        problems: what is wrong goes there.
    """
    where, key = definition.where, f"images.{name}"
    bases = [layer for layer in closure if layers[layer].base is not None]
    if not bases:
        bottoms = ", ".join(layer for layer in closure if not layers[layer].on)
        message = f"{key}: none of its layers has a base; at the bottom: {bottoms}"
        problems.add(where, message, "give its bottom layer a 'from'")
        return None
    if len(bases) > 1:
        listed = " and ".join(f"{base!r} ({layers[base].where})" for base in bases)
        problems.add(where, f"{key}: it stands on more than one base: {listed}", "keep one")
        return None
    _check_accounts(where, key, [layers[layer] for layer in closure], problems)
    return Image(
        name=name,
        layers=tuple(dict.fromkeys(source.layers)),
        closure=tuple(closure),
        base=bases[0],
        where=where,
        profile=make_profile(source.profile, node),
        labels=source.labels,
    )


def check_profiles(images: Sequence[Image], problems: Problems) -> None:
    """Of all images' profiles, at most one is the default, and slugs differ."""
    defaults: dict[str, Image] = {}
    slugs: dict[str, Image] = {}
    for image in images:
        if image.profile is None:
            continue
        where = image.profile.place("slug") or image.where
        if image.profile.default:
            defaults.setdefault(image.name, image)
        slug = image.profile.slug or image.name
        other = slugs.setdefault(slug, image)
        if other.name != image.name:
            message = (
                f"images.{image.name}.profile: the slug {slug!r} is that of {other.name!r} too"
            )
            problems.add(where, f"{message} ({other.where})", "give each its own")
    for image in list(defaults.values())[1:]:
        first = next(iter(defaults.values()))
        message = f"images.{image.name}.profile: {first.name!r} is the default already"
        where = (image.profile and image.profile.place("default")) or image.where
        problems.add(where, f"{message} ({first.where})", "keep one default")


def _check_accounts(where: Position, key: str, layers: Sequence[Layer], problems: Problems) -> None:
    """Accounts of one image that differ have neither name nor uid in common."""
    made = [layer for layer in layers if layer.user is not None]
    for index, layer in enumerate(made):
        for other in made[:index]:
            one, two = other.user, layer.user
            if one is None or two is None or one == two:
                continue
            if one.name == two.name or one.uid == two.uid:
                told = " and ".join(
                    f"{it.user.name} ({it.user.uid}:{it.user.gid}, {it.user.home}) in {it.name!r}"
                    for it in (other, layer)
                    if it.user is not None
                )
                problems.add(where, f"{key}: accounts that contradict each other: {told}")
