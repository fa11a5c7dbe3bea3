"""The layout of small stacks that a reader can follow."""

from __future__ import annotations

import random

import pytest

from stackyard.errors import InputError
from stackyard.layout.arrange import arrange
from stackyard.layout.values import Item, Layout
from stackyard.lock.model import UNFORKED, Need

MB = 1_000_000
STANDS_ON = {
    "base": frozenset[str](),
    "science": frozenset({"base"}),
    "geo": frozenset({"base", "science"}),
    "ml": frozenset({"base", "science"}),
}
IMAGES = {
    "plain": frozenset({"base", "science"}),
    "geo": STANDS_ON["geo"] | {"geo"},
    "geo-ml": frozenset(STANDS_ON),
}


def item(name: str, *layers: str, size: int = MB, fork: tuple[str, ...] = ()) -> Item:
    return Item(f"{name}==1", name, size, frozenset(Need(layer, fork) for layer in layers))


def names(layout: Layout, image: str) -> list[str]:
    return [group.name for group in layout.groups_of(image)]


def packages(layout: Layout, image: str) -> list[str]:
    return [entry.name for group in layout.groups_of(image) for entry in group.items]


def test_a_diamond_is_stacked_once_and_siblings_share() -> None:
    layout = arrange(
        [
            item("numpy", "science", "geo", "ml"),
            item("pandas", "science"),
            item("scipy", "science", "ml", size=30 * MB),
            item("shapely", "geo"),
            item("torch", "ml", size=800 * MB),
            item("affine", "geo", "ml"),
        ],
        IMAGES,
        STANDS_ON,
        limit=60,
    )
    assert names(layout, "plain") == ["science", "science: scipy"]
    assert names(layout, "geo") == ["science", "science: scipy", "geo", "geo+ml"]
    assert names(layout, "geo-ml") == [
        "science",
        "science: scipy",
        "geo",
        "geo+ml",
        "ml: torch",
    ]
    assert layout.duplicated == 0


def test_what_more_images_share_is_lower_whatever_it_stands_on() -> None:
    images = {
        "a": frozenset({"base", "science", "geo"}),
        "b": frozenset({"base", "science"}),
        "c": frozenset({"other"}),
    }
    items = [item("p", "geo"), item("q", "science"), item("r", "other"), item("s", "base")]
    layout = arrange(items, images, STANDS_ON, limit=9)
    assert [group.name for group in layout.groups] == ["base", "science", "other", "geo"]


def test_many_layers_make_a_short_stable_name() -> None:
    layers = [f"layer{n:02}" for n in range(40)]
    images = {layer: frozenset([layer]) for layer in layers}
    one = arrange([item("numpy", *layers)], images, {}, limit=60).groups[0].name
    other = arrange([item("numpy", *layers[:-1])], images, {}, limit=60).groups[0].name
    assert one.startswith("layer00+layer01+38 more (")
    assert len(one) < 40
    assert one != other


def test_a_fork_serves_only_the_images_with_exactly_its_layers() -> None:
    stands_on = {"science": frozenset[str](), "old": frozenset({"science"}), "new": frozenset()}
    images = {
        "plain": frozenset({"science"}),
        "old": frozenset({"science", "old"}),
        "new": frozenset({"science", "new"}),
    }
    items = [
        Item(
            "numpy==1", "numpy", MB, frozenset({Need("science", ("old",)), Need("old", ("old",))})
        ),
        Item("numpy==2", "numpy", MB, frozenset({Need("science", ("new",))})),
        Item("numpy==3", "numpy", MB, frozenset({Need("science", UNFORKED)})),
        Item("pandas==2", "pandas", MB, frozenset({Need("science"), Need("old", ("old",))})),
    ]
    layout = arrange(items, images, stands_on, frozenset({"old", "new"}), limit=60)
    held = {name: [i.id for g in layout.groups_of(name) for i in g.items] for name in images}
    assert held == {
        "plain": ["pandas==2", "numpy==3"],
        "old": ["pandas==2", "numpy==1"],
        "new": ["pandas==2", "numpy==2"],
    }
    assert [group.name for group in layout.groups] == [
        "science",
        "science[new]",
        "science[old]",
        "science[unforked]",
    ]


def test_a_package_that_no_image_has_is_kept_apart_at_the_end() -> None:
    layout = arrange([item("a", "ml"), item("b", "base")], {"i": frozenset({"base"})}, {}, limit=1)
    assert [group.name for group in layout.groups] == ["base", "ml"]
    assert layout.images == {"i": (0,)}


BIG = [
    item("numpy", "science"),
    item("scipy", "science", size=20 * MB),
    item("scipy-data", "science", size=40 * MB),
    item("shapely", "geo", size=3 * MB),
    item("torch", "ml", size=800 * MB),
    item("keras", "ml"),
]


def test_large_packages_join_their_neighbours_first_the_smallest_first() -> None:
    layout = arrange(BIG, IMAGES, STANDS_ON, limit=5)
    assert names(layout, "geo-ml") == ["science", "science: scipy-data", "geo", "ml", "ml: torch"]
    assert layout.duplicated == 0
    (note,) = layout.merged["geo-ml"]
    assert (note.group, note.parts) == ("science", ("science", "science: scipy"))
    assert str(note) == "science: 2 groups in one layer, nothing stored again"


def test_then_groups_of_the_same_images() -> None:
    both = {name: IMAGES[name] for name in ("plain", "geo-ml")}
    layout = arrange(BIG, both, STANDS_ON, limit=2)
    assert names(layout, "geo-ml") == ["science", "geo, ml"]
    assert names(layout, "plain") == ["science"]
    assert layout.duplicated == 0


def test_then_an_image_pays_for_itself() -> None:
    layout = arrange(BIG, IMAGES, STANDS_ON, limit={"plain": 9, "geo": 9, "geo-ml": 2})
    assert names(layout, "geo-ml") == ["science", "geo, ml"]
    assert names(layout, "geo") == ["science", "geo"]
    assert layout.duplicated == 3 * MB
    assert list(layout.merged) == ["geo-ml"]
    assert [note.duplicated for note in layout.merged["geo-ml"]] == [0, 3 * MB]


@pytest.mark.parametrize("limit", [0, -3, {"plain": 0, "geo": 9, "geo-ml": 9}])
def test_no_room_at_all_names_the_image(limit) -> None:
    with pytest.raises(InputError, match=r"image (plain|geo)\b.*no room"):
        arrange(BIG, IMAGES, STANDS_ON, limit=limit)


def test_an_image_without_packages_needs_no_room() -> None:
    assert arrange([], IMAGES, STANDS_ON, limit=0).images == dict.fromkeys(IMAGES, ())


def test_merging_is_the_same_after_a_small_update() -> None:
    """Sizes are compared roughly, so two near ones do not change places."""
    items = [item(f"p{n}", "science", size=(20 + n) * MB) for n in range(9)]
    grown = [item(f"p{n}", "science", size=(28 - n) * MB) for n in range(9)]
    before, after = (arrange(i, IMAGES, STANDS_ON, limit=3) for i in (items, grown))
    assert [g.name for g in before.groups] == [g.name for g in after.groups]
    assert packages(before, "plain") == packages(after, "plain")


def test_a_large_hub_is_arranged_at_once() -> None:
    """300 layers, 1,000 images and 1,500 packages are meant to take well under 0.3 s."""
    dice = random.Random(1)  # noqa: S311 - the same hub each time, no secret
    layers = [f"layer{n}" for n in range(300)]
    stands_on: dict[str, frozenset[str]] = {}
    for number, layer in enumerate(layers):
        on = dice.choice(layers[: number // 2 + 1]) if number else ""
        stands_on[layer] = stands_on[on] | {on} if on else frozenset()
    images = {}
    for number in range(1000):
        chosen = dice.sample(layers, 3)
        images[f"image{number}"] = frozenset(chosen).union(*(stands_on[low] for low in chosen))
    items = []
    for number in range(1500):
        roots = set(dice.sample(layers, dice.choice([1, 1, 2, 20])))
        reached = [layer for layer in layers if layer in roots or stands_on[layer] & roots]
        items.append(item(f"p{number}", *reached, size=dice.randrange(20 * MB)))
    layout = arrange(items, images, stands_on, limit=60)
    assert all(len(groups) <= 60 for groups in layout.images.values())
