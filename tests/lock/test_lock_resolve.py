"""Resolving over a loopback index of tiny wheels."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from stackyard.errors import InputError
from stackyard.lock.file import read_lock, write_lock
from stackyard.lock.model import Lock, LockedPackage, Upgrade
from stackyard.lock.resolve import resolve
from stackyard.lock.stale import stale

if TYPE_CHECKING:
    from stackyard.stack.values import Stack

KEY = ("py311", "base")
MANYLINUX = "cp311-cp311-manylinux_2_28_x86_64"
BASIC: dict[str, tuple[str, list[str]]] = {
    "base": ("", []),
    "hub": ("base", ["jupyterhub"]),
    "science": ("hub", ["pandas[excel]"]),
}


def lock(
    shop: Any,
    stack: Stack,
    *,
    base: Any = None,
    previous: Lock | None = None,
    upgrade: Upgrade | None = None,
    said: list[str] | None = None,
) -> Lock:
    return resolve(
        stack,
        shop.bases(stack, base or shop.base()),
        previous=previous,
        upgrade=upgrade or Upgrade(),
        report=(said if said is not None else []).append,
    )


def packages(made: Lock) -> dict[str, LockedPackage]:
    return {f"{p.name} {p.version}": p for p in made.resolutions[KEY].packages}


def needs(made: Lock) -> dict[str, list[str]]:
    return {
        key: [n.layer + (f" in {'+'.join(n.fork)}" if n.fork else "") for n in p.needs]
        for key, p in packages(made).items()
    }


@pytest.fixture
def full(index: Any) -> Any:
    index.add("jupyterhub", "5.0", ["tornado"])
    index.add("tornado", "6.0")
    index.add("pandas", "2.0", ["numpy>=1"], extras={"excel": ["openpyxl"]})
    index.add("numpy", "1.0")
    index.add("numpy", "2.0")
    index.add("openpyxl", "3.0")
    index.add("six", "1.0")
    return index


def test_needs_follow_edges_and_extras(full: Any, shop: Any) -> None:
    made = lock(shop, shop.stack(BASIC, {"default": ["science"]}))
    assert needs(made) == {
        "jupyterhub 5.0": ["hub"],
        "tornado 6.0": ["hub"],
        "pandas 2.0": ["science"],
        "numpy 2.0": ["science"],
        "openpyxl 3.0": ["science"],
    }
    found = packages(made)
    assert found["pandas 2.0"].requires == ("numpy", "openpyxl")
    assert found["pandas 2.0"].requested
    assert not found["numpy 2.0"].requested
    wheel = found["numpy 2.0"].wheels["linux/amd64"]
    data = full.pages["numpy"]["numpy-2.0-py3-none-any.whl"][0]
    assert (wheel.filename, wheel.size) == ("numpy-2.0-py3-none-any.whl", len(data))


def test_locking_again_moves_nothing_else(full: Any, shop: Any, tmp_path: Path) -> None:
    first = lock(shop, shop.stack(BASIC, {"default": ["science"]}))
    for name in ("jupyterhub", "tornado", "pandas", "numpy", "openpyxl"):
        full.add(name, "99.0", ["numpy"] if name == "pandas" else [])
    more = BASIC | {"science": ("hub", ["pandas[excel]", "six"])}
    stack = shop.stack(more, {"default": ["science"]})
    assert stale(stack, first) == ["py311: layer science now asks for six"]
    again = lock(shop, stack, previous=first)
    assert set(packages(again)) - set(packages(first)) == {"six 1.0"}
    assert set(packages(first)) <= set(packages(again))
    assert stale(stack, again) == []
    some = lock(shop, stack, previous=again, upgrade=Upgrade(names=frozenset({"Tornado"})))
    assert set(packages(some)) - set(packages(again)) == {"tornado 99.0"}
    every = lock(shop, stack, previous=again, upgrade=Upgrade(everything=True))
    assert {"numpy 99.0", "pandas 99.0", "jupyterhub 99.0"} <= set(packages(every))
    write_lock(tmp_path / "stackyard.lock", every)
    assert read_lock(tmp_path / "stackyard.lock") == every


FORKING: dict[str, tuple[str, list[str]]] = {
    "base": ("", []),
    "common": ("base", ["pandas"]),
    "old": ("common", ["numpy<2"]),
    "new": ("common", ["numpy>=2"]),
}


def test_layers_that_never_meet_are_forked(full: Any, shop: Any) -> None:
    said: list[str] = []
    stack = shop.stack(FORKING, {"a": ["old"], "b": ["new"], "c": ["common"]})
    made = lock(shop, stack, said=said)
    assert made.resolutions[KEY].forked == ("new", "old")
    found = needs(made)
    assert found["pandas 2.0"] == ["common"]
    assert found["numpy 1.0"] == ["common in old", "old"]
    assert found["numpy 2.0"] == ["common in ", "common in new", "new"]
    assert any("never meet" in line for line in said)
    by_need = packages(made)["numpy 2.0"].needs
    forked = made.resolutions[KEY].forked
    assert any(n.holds(["base", "common"], forked) for n in by_need)
    assert not any(n.holds(["base", "common", "old"], forked) for n in by_need)
    assert stale(stack, made) == []
    assert stale(shop.stack(FORKING, {"a": ["old", "new"], "c": ["common"]}), made)


def test_layers_that_meet_and_contradict(full: Any, shop: Any) -> None:
    stack = shop.stack(FORKING, {"a": ["old"], "both": ["old", "new"], "b": ["new"]})
    with pytest.raises(InputError) as caught:
        lock(shop, stack)
    text = str(caught.value)
    assert "layers old and new contradict each other" in text or "new and old" in text
    assert "image both " in text
    assert "layer old (stackyard.yaml:3) asks for numpy<2" in text
    assert "layer new (stackyard.yaml:4) asks for numpy>=2" in text
    assert not re.search(r"\bg\d+\b|stackyard-layers", text)
