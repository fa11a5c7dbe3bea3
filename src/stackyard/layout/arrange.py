"""Packages to groups, so that no byte is stored twice and an update moves little.

Packages with the same reduced needs form a group, for they are in the same images
now and in every image that is added later. A large package is a group of its own,
so that a small neighbour's update does not move it. Grouping by need reaches the
least that any layering can store (the union of the packages).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from stackyard.errors import InputError
from stackyard.layout import bits
from stackyard.layout.budget import Draft, fit
from stackyard.layout.needs import Holdings, Stacking, name_of
from stackyard.layout.values import Group, Item, Layout, Merged
from stackyard.lock.model import UNFORKED, Need

LARGE = 10_000_000


def arrange(
    items: Iterable[Item],
    images: Mapping[str, frozenset[str]],
    stands_on: Mapping[str, frozenset[str]],
    forked: frozenset[str] = frozenset(),
    *,
    limit: int | Mapping[str, int],
    large: int = LARGE,
) -> Layout:
    """Put packages into groups, and groups into images.

    The result depends on nothing but the values given; their order does not matter.

    Args:
        items: packages, each id once.
        images: image to its closure: its layers and all that they stand on.
        stands_on: layer to all layers below it, at any distance.
        forked: the layers that contradict others which they never meet.
        limit: most groups in an image, or that for each image.
        large: bytes from which a package is a group of its own.

    Raises:
        InputError: an image that needs packages has a limit below 1.
    """
    names = sorted(images)
    images = {name: images[name] for name in names}
    items = sorted(items, key=lambda item: item.id)
    stacking = Stacking(_layers(items, images, forked), stands_on)
    drafts = _drafts(items, stacking, Holdings(images, forked), large)
    limits = [limit if isinstance(limit, int) else limit[name] for name in names]
    _check_limits(names, limits, drafts)
    fitted, over = fit(drafts, limits)
    fitted.sort(key=lambda draft: (-draft.images.bit_count(), draft.height, draft.name))
    return _layout(fitted, names, over, stacking)


def _layers(
    items: Iterable[Item], images: Mapping[str, frozenset[str]], forked: frozenset[str]
) -> set[str]:
    needs = {need for needs in {item.needs for item in items} for need in needs}
    asked = {need.layer for need in needs}
    asked |= {layer for need in needs if need.fork != UNFORKED for layer in need.fork}
    return asked.union(forked, *set(images.values()))


def _drafts(
    items: Iterable[Item], stacking: Stacking, holdings: Holdings, large: int
) -> list[Draft]:
    reduced: dict[frozenset[Need], frozenset[Need]] = {}
    members: dict[tuple[frozenset[Need], str], list[Item]] = {}
    for item in items:
        needs = reduced.get(item.needs)
        if needs is None:
            needs = reduced[item.needs] = stacking.reduce(item.needs)
        members.setdefault((needs, item.name if item.size >= large else ""), []).append(item)
    known = {
        needs: (name_of(needs), holdings.images(needs), stacking.height(needs))
        for needs, _ in members
    }
    drafts = []
    for (needs, alone), group in members.items():
        name, where, height = known[needs]
        part = f"{name}: {alone}" if alone else name
        drafts.append(Draft(needs, tuple(group), where, height, bool(alone), (name,), (part,)))
    return drafts


def _check_limits(names: list[str], limits: list[int], drafts: Iterable[Draft]) -> None:
    if min(limits, default=1) >= 1:
        return
    filled = 0
    for draft in drafts:
        filled |= draft.images
    for number in bits.members(filled):
        if limits[number] < 1:
            raise InputError(
                f"arranging the packages of image {names[number]}: "
                "its other layers leave no room in the layer budget",
                hint="Raise the stack's layer budget.",
            )


def _layout(drafts: list[Draft], names: list[str], over: int, stacking: Stacking) -> Layout:
    groups = tuple(Group(draft.name, draft.items, stacking.reduce(draft.needs)) for draft in drafts)
    held: dict[int, list[int]] = {number: [] for number in range(len(names))}
    for index, draft in enumerate(drafts):
        for number in bits.members(draft.images):
            held[number].append(index)
    copies = _copies(drafts)
    extra = {
        index: sum(item.size for item in draft.items if copies[item.id] > 1)
        for index, draft in enumerate(drafts)
        if len(draft.parts) > 1
    }
    merged = {
        names[number]: tuple(
            Merged(groups[index].name, drafts[index].parts, extra[index])
            for index in held[number]
            if index in extra
        )
        for number in bits.members(over)
    }
    sizes = {item.id: item.size for draft in drafts for item in draft.items}
    duplicated = sum(sizes[id_] * (count - 1) for id_, count in copies.items())
    return Layout(groups, {names[n]: tuple(held[n]) for n in held}, duplicated, merged)


def _copies(drafts: Iterable[Draft]) -> dict[str, int]:
    copies: dict[str, int] = {}
    for draft in drafts:
        for item in draft.items:
            copies[item.id] = copies.get(item.id, 0) + 1
    return copies
