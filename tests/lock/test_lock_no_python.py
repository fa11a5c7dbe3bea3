"""Bases without a Python: fine as long as no layer asks for packages."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from stackyard.errors import InputError
from stackyard.inventory.facts import PythonFacts
from stackyard.lock.changes import describe
from stackyard.lock.model import Lock, LockedBase, Upgrade
from stackyard.lock.resolve import resolve
from stackyard.lock.stale import stale
from stackyard.stack.values import BaseSource, Stack

BARE = LockedBase("ubuntu:24.04", "sha256:" + "1" * 64, None)
IMAGES = {"one": ["left"], "two": ["right"]}
KEY = ("py311", "base")


def stack_of(shop: Any, *, pip: tuple[str, ...] = (), **other: Any) -> Stack:
    """`left` and `right` on `base`; both ask for *pip*."""
    layers = {"base": ("", []), "left": ("base", pip), "right": ("base", pip)}
    return shop.stack(layers, IMAGES, **other)


def on_registry(stack: Stack) -> Stack:
    variant = stack.variants["py311"]
    bottom = replace(variant.layers["base"], base=BaseSource("registry", "ubuntu:24.04"))
    layers = {**variant.layers, "base": bottom}
    return replace(stack, variants={"py311": replace(variant, layers=layers)})


def lock(shop: Any, stack: Stack, base: LockedBase, previous: Lock | None = None) -> Lock:
    return resolve(
        stack, shop.bases(stack, base), previous=previous, upgrade=Upgrade(), report=print
    )


def musl(shop: Any) -> LockedBase:
    return shop.base(glibc=None)


def unknown(shop: Any) -> LockedBase:
    base: LockedBase = shop.base()
    assert isinstance(base.python, PythonFacts)
    return replace(base, python=replace(base.python, version="unknown"))


@pytest.mark.parametrize("base", [lambda _: BARE, musl, unknown], ids=["none", "musl", "unknown"])
@pytest.mark.parametrize("platform", ["linux/amd64", "linux/mips64le"])
def test_without_packages_any_base_will_do(index: Any, shop: Any, base: Any, platform: str) -> None:
    stack = stack_of(shop, platforms=(platform,))
    made = lock(shop, stack, base(shop))
    assert made.resolutions[KEY].packages == ()
    assert stale(stack, made) == []
    assert index.requests == []


def test_packages_need_one_and_who_asks_is_told(index: Any, shop: Any) -> None:
    index.add("pkg", "1.0")
    stack = on_registry(stack_of(shop, pip=("pkg",)))
    with pytest.raises(InputError) as raised:
        lock(shop, stack, BARE)
    assert "layers left, right ask for `pip` packages" in raised.value.message
    assert "the base of layer base, ubuntu:24.04, has no Python 3:" in raised.value.message
    assert "take a base with one" in raised.value.hint
    assert "Containerfile" in raised.value.hint
    assert str(raised.value.where) == "stackyard.yaml:1"


def test_a_debian_base_can_get_one(index: Any, shop: Any) -> None:
    stack = stack_of(shop, pip=("pkg",), platforms=("linux/amd64", "linux/arm64"))
    with pytest.raises(InputError, match="no Python 3 for linux/amd64") as raised:
        lock(shop, stack, BARE)
    assert "put python3 into the apt of layer base" in raised.value.hint


def test_a_variant_that_asks_for_a_python(index: Any, shop: Any) -> None:
    stack = stack_of(shop, python="3.11")
    lock(shop, stack, shop.base())
    lock(shop, stack, BARE)  # nobody has packages: the variable speaks of something else
    asking = stack_of(shop, pip=("pkg",), python="3.11")
    with pytest.raises(InputError, match=r"asks for Python 3\.11, but .* has no Python 3"):
        lock(shop, asking, BARE)
    with pytest.raises(InputError, match=r"asks for Python 3\.11, but .* has Python 3\.13\.1"):
        lock(shop, stack, shop.base("3.13.1"))


def test_a_last_requirement_that_goes_takes_its_packages_along(index: Any, shop: Any) -> None:
    index.add("pkg", "1.0")
    before = lock(shop, stack_of(shop, pip=("pkg",)), shop.base())
    now = lock(shop, stack_of(shop), shop.base(), before)
    assert list(describe(before, now)) == ["py311: - pkg 1.0"]


def test_what_moved_is_told(index: Any, shop: Any) -> None:
    index.add("pkg", "1.0")
    bare = lock(shop, stack_of(shop), BARE)
    assert list(describe(None, bare)) == [
        "py311: no packages on ubuntu:24.04 (linux/amd64, no Python)"
    ]
    one = lock(shop, stack_of(shop, pip=("pkg",)), shop.base())
    assert list(describe(None, one)) == [
        "py311: 1 package on debian bookworm (linux/amd64, Python 3.11.2)"
    ]
    assert list(describe(bare, one)) == [
        "py311: the base is now debian bookworm (linux/amd64, Python 3.11.2)",
        "py311: + pkg 1.0",
    ]
    newer = lock(shop, stack_of(shop), replace(BARE, digest="sha256:" + "2" * 64))
    assert list(describe(bare, newer)) == ["py311: base ubuntu:24.04 (linux/amd64) is newer"]
