"""Several resolutions in one stack, staleness in words, and what moves when."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

import pytest

from stackyard.errors import InputError
from stackyard.lock.model import Lock, Upgrade
from stackyard.lock.resolve import resolve
from stackyard.lock.stale import stale
from stackyard.lock.units import units
from stackyard.stack.values import BaseSource, Stack

LAYERS: dict[str, tuple[str, list[str]]] = {
    "base": ("", []),
    "cuda": ("", []),
    "plain": ("base", ["pkg"]),
    "gpu": ("cuda", ["pkg", "more"]),
}
IMAGES = {"one": ["plain"], "two": ["gpu"]}


def two_variants(stack: Stack) -> Stack:
    other = replace(stack.variants["py311"], name="py313", python="3.13")
    return replace(stack, variants={**stack.variants, "py313": other})


def lock(shop: Any, stack: Stack, previous: Lock | None = None, **upgrade: Any) -> Lock:
    bases = shop.bases(stack, shop.base())
    for variant, bottom in bases:
        if variant == "py313":
            bases[variant, bottom] = {"linux/amd64": shop.base("3.13.1")}
    return resolve(
        stack, bases, previous=previous, upgrade=Upgrade(**upgrade), report=lambda _line: None
    )


@pytest.fixture
def stocked(index: Any) -> Any:
    index.add("pkg", "1.0", tags=["cp311-cp311-linux_x86_64", "cp313-cp313-linux_x86_64"])
    index.add("more", "1.0")
    return index


def test_one_resolution_for_each_variant_and_bottom_layer(stocked: Any, shop: Any) -> None:
    stack = two_variants(shop.stack(LAYERS, IMAGES))
    assert [(u.variant, u.base, sorted(u.layers)) for u in units(stack)] == [
        ("py311", "base", ["base", "plain"]),
        ("py311", "cuda", ["cuda", "gpu"]),
        ("py313", "base", ["base", "plain"]),
        ("py313", "cuda", ["cuda", "gpu"]),
    ]
    made = lock(shop, stack)
    assert list(made.resolutions) == [(u.variant, u.base) for u in units(stack)]
    files = {
        key: [p.wheels["linux/amd64"].filename for p in r.packages if p.name == "pkg"]
        for key, r in made.resolutions.items()
    }
    assert files["py311", "cuda"] == ["pkg-1.0-cp311-cp311-linux_x86_64.whl"]
    assert files["py313", "base"] == ["pkg-1.0-cp313-cp313-linux_x86_64.whl"]
    assert stale(stack, made) == []
    assert stale(shop.stack(LAYERS, IMAGES), made) == [
        "py313: no image stands on layer base any more",
        "py313: no image stands on layer cuda any more",
    ]
    assert stale(stack, Lock({})) == [
        f"{v}: nothing is locked for the images on layer {b} yet"
        for v in ("py311", "py313")
        for b in ("base", "cuda")
    ]


def edited(stack: Stack, name: str, **changes: Any) -> Stack:
    variant = stack.variants["py311"]
    layers = {**variant.layers, name: replace(variant.layers[name], **changes)}
    return replace(stack, variants={"py311": replace(variant, layers=layers)})


def test_staleness_in_words(stocked: Any, shop: Any) -> None:
    stack = shop.stack(LAYERS, {"one": ["plain"]})
    made = lock(shop, stack)

    def reasons(other: Stack) -> list[str]:
        return stale(other, made)

    assert reasons(edited(stack, "plain", env={"A": "b"}, test=("true",), labels={"x": "y"})) == []
    assert reasons(edited(stack, "plain", pip=("  pkg ",))) == []
    assert reasons(edited(stack, "plain", pip=("pkg>=2",))) == [
        "py311: layer plain now asks for pkg>=2",
        "py311: layer plain no longer asks for pkg",
    ]
    assert reasons(edited(stack, "base", apt=("git",))) == [
        "py311: the bottom layer's apt packages now have git"
    ]
    assert reasons(edited(stack, "base", base=BaseSource("debian", "trixie"))) == [
        "py311: the base is now debian trixie (locked: debian bookworm)"
    ]
    assert reasons(replace(stack, platforms=("linux/arm64",))) == [
        "py311: the platforms now have linux/arm64",
        "py311: the platforms no longer have linux/amd64",
    ]
    assert reasons(shop.stack(LAYERS, {"one": ["plain"]}, python="3.11")) == [
        "py311: the variant's Python is now 3.11 (locked: None)"
    ]
    assert reasons(shop.stack({**LAYERS, "new": ("plain", ["x"])}, {"one": ["new"]})) == [
        "py311: layer new is new"
    ]
    assert reasons(shop.stack(LAYERS, {"one": ["plain"], "again": ["base", "plain"]})) == []


def test_upgrading_what_is_not_locked(stocked: Any, shop: Any) -> None:
    stack = shop.stack(LAYERS, IMAGES)
    made = lock(shop, stack)
    with pytest.raises(InputError, match=r"pgk cannot be upgraded[\s\S]*did you mean pkg"):
        lock(shop, stack, made, names=frozenset({"pgk"}))


@pytest.mark.parametrize("seed", range(4))
def test_only_what_must_move_moves(index: Any, shop: Any, seed: int) -> None:
    """Whatever the index has gained since: an unrelated requirement moves nothing."""
    chance = random.Random(seed)  # noqa: S311 - repeatable
    names = [f"p{n}" for n in range(12)]

    def publish(version: str) -> None:
        for place, name in enumerate(names):
            below = chance.sample(names[place + 1 :], min(2, len(names) - place - 1))
            index.add(name, version, below)

    publish("1.0")
    index.add("unrelated", "1.0")
    layers: dict[str, tuple[str, list[str]]] = {"base": ("", [])}
    for n in range(4):
        on = chance.choice(list(layers))
        layers[f"l{n}"] = (on, chance.sample(names, 2))
    images = {f"i{n}": [f"l{n}"] for n in range(4)}
    first = lock(shop, shop.stack(layers, images))
    publish("2.0")
    on, lines = layers["l2"]
    second = lock(shop, shop.stack({**layers, "l2": (on, [*lines, "unrelated"])}, images), first)
    before = first.resolutions["py311", "base"].packages
    after = second.resolutions["py311", "base"].packages
    assert [p for p in after if p.name != "unrelated"] == list(before)
    assert [p.needs[0].layer for p in after if p.name == "unrelated"] == ["l2"]
