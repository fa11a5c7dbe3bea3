"""Merging groups until every image keeps its layer budget.

Three ways, each tried only for what the one before left over its limit:

1. Groups with the same reduced needs: large packages join their small neighbours.
   No byte is stored twice, and images added later still need no new blob.
2. Groups that are in exactly the same images. No byte is stored twice as long as
   the set of images stays.
3. An image's cheapest groups become one of its own, which stores them again. Images
   that keep their limit keep the shared groups.

Where sizes decide they are compared by their powers of two, so that the small change
of size which an update brings does not merge other groups than before.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass, replace
from functools import cached_property

from stackyard.layout import bits
from stackyard.layout.needs import shorten
from stackyard.layout.values import Item
from stackyard.lock.model import Need


@dataclass(frozen=True)
class Draft:
    """A group that may still be merged.

    Attributes:
        images: the images that have it, as a bit set.
        height: how far up the stack it is.
        alone: it is one large package that has neighbours of the same needs.
        names: of the sets of needs in it.
        parts: the names of the groups that it is made of.
    """

    needs: frozenset[Need]
    items: tuple[Item, ...]
    images: int
    height: int
    alone: bool
    names: tuple[str, ...]
    parts: tuple[str, ...]

    @cached_property
    def name(self) -> str:
        """The group's name."""
        return self.parts[0] if len(self.parts) == 1 else shorten(", ", self.names)

    @cached_property
    def size(self) -> int:
        """Bytes of its wheels."""
        return sum(item.size for item in self.items)


class _Counts:
    """How many groups each image has, and which have too many (a bit set)."""

    def __init__(self, drafts: list[Draft], limits: list[int]) -> None:
        self._limits = limits
        self._counts = [0] * len(limits)
        for draft in drafts:
            for number in bits.members(draft.images):
                self._counts[number] += 1
        self.over = bits.of(n for n, count in enumerate(self._counts) if count > limits[n])

    def one_less(self, images: int) -> None:
        """One group fewer in these images."""
        for number in bits.members(images):
            self._counts[number] -= 1
            if self._counts[number] == self._limits[number]:
                self.over ^= 1 << number

    def excess(self, image: int) -> int:
        """By how many groups the image is over its limit."""
        return self._counts[image] - self._limits[image]


def fit(drafts: list[Draft], limits: list[int]) -> tuple[list[Draft], int]:
    """Merge until each image has at most as many groups as its limit, which is 1 or more.

    Returns:
        The groups, and the images that were over their limits as a bit set.
    """
    counts = _Counts(drafts, limits)
    over = counts.over
    if over:
        drafts = _join(drafts, counts, lambda draft: draft.needs)
    if counts.over:
        drafts = _join(drafts, counts, lambda draft: draft.images)
    if counts.over:
        drafts = _dissolve(drafts, counts)
    return drafts, over


def _join(drafts: list[Draft], counts: _Counts, key: Callable[[Draft], Hashable]) -> list[Draft]:
    """Merge drafts of equal keys, the smallest first, while an image of theirs is over.

    Drafts of equal keys must be in the same images.
    """
    joined: dict[Hashable, list[Draft]] = {}
    for draft in sorted(drafts, key=_smallest_first):
        alike = joined.setdefault(key(draft), [])
        if alike and draft.images & counts.over:
            alike[0] = _merge([alike[0], draft], draft.images)
            counts.one_less(draft.images)
        else:
            alike.append(draft)
    return [draft for alike in joined.values() for draft in alike]


def _smallest_first(draft: Draft) -> tuple[bool, int, str]:
    return draft.alone, draft.size.bit_length(), draft.name


def _dissolve(drafts: list[Draft], counts: _Counts) -> list[Draft]:
    """Give each image that is over its limit one group for all that is too much.

    Images in which the same groups are too much share the new one.
    """
    over = counts.over
    cheapest = sorted(drafts, key=lambda draft: (_cost(draft, over).bit_length(), draft.name))
    takers: dict[tuple[int, ...], int] = {}
    for image, taken in _too_much(cheapest, counts).items():
        takers[tuple(taken)] = takers.get(tuple(taken), 0) | 1 << image
    gone = [0] * len(cheapest)
    for numbers, images in takers.items():
        for number in numbers:
            gone[number] |= images
    kept = [
        replace(draft, images=draft.images & ~left)
        for draft, left in zip(cheapest, gone, strict=True)
        if draft.images != left or not left
    ]
    own = [_merge([cheapest[n] for n in numbers], images) for numbers, images in takers.items()]
    return kept + own


def _too_much(cheapest: list[Draft], counts: _Counts) -> dict[int, list[int]]:
    """For each image over its limit, which of its groups become one: the first ones."""
    wanted = {image: counts.excess(image) + 1 for image in bits.members(counts.over)}
    taken: dict[int, list[int]] = {image: [] for image in wanted}
    for number, draft in enumerate(cheapest):
        for image in bits.members(draft.images & counts.over):
            if len(taken[image]) < wanted[image]:
                taken[image].append(number)
    return taken


def _cost(draft: Draft, over: int) -> int:
    """Bytes stored again if every image over its limit had the draft's packages itself."""
    copies = (draft.images & over).bit_count()
    return draft.size * (copies if draft.images & ~over else copies - 1)


def _merge(drafts: list[Draft], images: int) -> Draft:
    return Draft(
        needs=frozenset().union(*(draft.needs for draft in drafts)),
        items=tuple(
            sorted((item for draft in drafts for item in draft.items), key=lambda item: item.id)
        ),
        images=images,
        height=min(draft.height for draft in drafts),
        alone=False,
        names=tuple(sorted({name for draft in drafts for name in draft.names})),
        parts=tuple(part for draft in drafts for part in draft.parts),
    )
