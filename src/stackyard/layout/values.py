"""Packages, groups and layouts as values. Sizes are bytes of wheels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from stackyard.lock.model import Need


@dataclass(frozen=True, slots=True)
class Item:
    """A locked package, as far as the layout cares.

    Attributes:
        id: what tells it from every other item, such as ``numpy==2.4.6``.
        name: the package's name, which an update leaves as it is.
        size: bytes of its wheel.
        needs: every need that reaches it, not yet reduced.
    """

    id: str
    name: str
    size: int
    needs: frozenset[Need]


@dataclass(frozen=True)
class Group:
    """Packages that become one OCI layer.

    Attributes:
        name: after its needs, such as ``geo+ml``, or ``science: scipy`` for a large
            package that is alone. It is the same after an update of a package.
        items: sorted by id.
        needs: the reduced needs of its packages (`stackyard.layout.needs`).
    """

    name: str
    items: tuple[Item, ...]
    needs: frozenset[Need]

    @cached_property
    def size(self) -> int:
        """Bytes of its wheels."""
        return sum(item.size for item in self.items)


@dataclass(frozen=True, slots=True)
class Merged:
    """What an image's layer budget made of its groups.

    Attributes:
        group: the name of the group that was made.
        parts: the names of the groups that it stands for.
        duplicated: bytes in it that other groups of the layout hold as well.
    """

    group: str
    parts: tuple[str, ...]
    duplicated: int

    def __str__(self) -> str:
        cost = f"{self.duplicated / 1e6:.1f} MB" if self.duplicated else "nothing"
        return f"{self.group}: {len(self.parts)} groups in one layer, {cost} stored again"


@dataclass(frozen=True)
class Layout:
    """Which package is in which layer of which image.

    Attributes:
        groups: in stacking order, most shared first. Those that no image has are last.
        images: image to the indexes of its groups, ascending.
        duplicated: bytes stored more than once because of layer budgets.
        merged: for each image that was over its budget, what was merged.
    """

    groups: tuple[Group, ...]
    images: Mapping[str, tuple[int, ...]]
    duplicated: int
    merged: Mapping[str, tuple[Merged, ...]]

    def groups_of(self, image: str) -> tuple[Group, ...]:
        """The groups of one image, in stacking order."""
        return tuple(self.groups[index] for index in self.images[image])
