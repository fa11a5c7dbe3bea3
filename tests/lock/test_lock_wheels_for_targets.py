"""Packages and wheels that a target cannot have, and what the base has already."""

from __future__ import annotations

from typing import Any

import pytest

from stackyard.errors import InputError
from stackyard.lock.model import Need, Upgrade
from stackyard.lock.resolve import resolve

KEY = ("py311", "base")
BOTH = ("linux/amd64", "linux/arm64")
OLD_X86 = "cp311-cp311-manylinux2014_x86_64"
NEW_X86 = "cp311-cp311-manylinux_2_39_x86_64"
ARM = "cp311-cp311-manylinux_2_28_aarch64"


def one_layer(shop: Any, *lines: str, platforms: tuple[str, ...] = ("linux/amd64",)) -> Any:
    layers = {"base": ("", []), "top": ("base", list(lines))}
    return shop.stack(layers, {"img": ["top"]}, platforms=platforms)


def lock(shop: Any, stack: Any, base: Any = None, said: list[str] | None = None) -> Any:
    said = said if said is not None else []
    bases = shop.bases(stack, base or shop.base())
    made = resolve(stack, bases, previous=None, upgrade=Upgrade(), report=said.append)
    return {f"{p.name} {p.version}": p for p in made.resolutions[KEY].packages}


def refuse(shop: Any, stack: Any, base: Any = None) -> str:
    with pytest.raises(InputError) as caught:
        lock(shop, stack, base)
    return str(caught.value)


def test_best_tag_and_build_number_win(index: Any, shop: Any) -> None:
    index.add("speedy", "1.0", tags=["py3-none-any", OLD_X86, f"1-{OLD_X86}", NEW_X86, ARM])
    found = lock(shop, one_layer(shop, "speedy", platforms=BOTH))["speedy 1.0"]
    assert found.wheels["linux/amd64"].filename == f"speedy-1.0-1-{OLD_X86}.whl"
    assert found.wheels["linux/arm64"].filename == f"speedy-1.0-{ARM}.whl"


def test_a_version_without_a_fitting_wheel_is_avoided(index: Any, shop: Any) -> None:
    index.add("speedy", "1.0", tags=[OLD_X86])
    index.add("speedy", "2.0", tags=[NEW_X86])
    index.add("speedy", "3.0", tags=[NEW_X86])
    said: list[str] = []
    assert set(lock(shop, one_layer(shop, "speedy"), said=said)) == {"speedy 1.0"}
    assert any("speedy 3.0 has no wheel for py311 on linux/amd64" in line for line in said)


def test_only_the_platform_that_lacks_a_wheel_gets_another_version(index: Any, shop: Any) -> None:
    index.add("speedy", "1.0", tags=[OLD_X86, ARM])
    index.add("speedy", "2.0", tags=[NEW_X86, ARM])
    found = lock(shop, one_layer(shop, "speedy", platforms=BOTH))
    assert {key: sorted(p.wheels) for key, p in found.items()} == {
        "speedy 1.0": ["linux/amd64"],
        "speedy 2.0": ["linux/arm64"],
    }


def test_no_fitting_wheel_at_all_names_path_target_and_wheels(index: Any, shop: Any) -> None:
    index.add("app", "1.0", ["middle"])
    index.add("middle", "1.0", ["speedy"])
    index.add("speedy", "2.0", tags=[NEW_X86])
    text = refuse(shop, one_layer(shop, "app"))
    assert "speedy 2.0 has no wheel for py311 on linux/amd64 (Python 3.11.2, glibc 2.36)" in text
    assert "layer top asks for it, through app > middle > speedy" in text
    assert f"speedy-2.0-{NEW_X86}.whl" in text
    assert "drop the platform linux/amd64" in text


def test_fitting_versions_that_do_not_suit_are_named(index: Any, shop: Any) -> None:
    index.add("speedy", "1.0", tags=[OLD_X86])
    index.add("speedy", "2.0", tags=[NEW_X86])
    text = refuse(shop, one_layer(shop, "speedy>=2"))
    assert "the versions that have one (1.0) do not suit" in text


def test_wheels_of_another_machine_only(index: Any, shop: Any) -> None:
    index.add("speedy", "1.0", tags=[OLD_X86])
    text = refuse(shop, one_layer(shop, "speedy", platforms=BOTH))
    assert "layer top (stackyard.yaml:2) asks for speedy" in text
    assert "py311 on linux/arm64 (Python 3.11.2, glibc 2.36) has none to take" in text
    assert "linux/amd64" not in text
    assert f"wheels of speedy: speedy-1.0-{OLD_X86}.whl" in text


def test_source_only(index: Any, shop: Any) -> None:
    index.pages["srconly"] = {"srconly-1.0.tar.gz": (b"not read", False)}
    text = refuse(shop, one_layer(shop, "srconly"))
    assert "layer top (stackyard.yaml:2) asks for srconly" in text
    assert "only wheels are installed" in text


def test_unknown_name(index: Any, shop: Any) -> None:
    text = refuse(shop, one_layer(shop, "nosuchthing"))
    assert "layer top (stackyard.yaml:2) asks for nosuchthing" in text
    assert "name and the version are right" in text


def test_yanked_versions_are_avoided(index: Any, shop: Any) -> None:
    index.add("pkg", "1.0")
    index.add("pkg", "2.0", yanked=True)
    assert set(lock(shop, one_layer(shop, "pkg"))) == {"pkg 1.0"}


def test_what_the_base_has_is_a_constraint_and_never_locked(index: Any, shop: Any) -> None:
    index.add("app", "1.0", ["dep", "other"])
    index.add("dep", "1.0")
    index.add("dep", "2.0")
    index.add("other", "1.0", ["dep"])
    index.add("low", "1.0")
    index.add("low", "2.0")
    base = shop.base(dists=[("dep", "1.5+deb1", ("low<2", "gone<1")), ("gone", "7")])
    found = lock(shop, one_layer(shop, "app"), base)
    assert set(found) == {"app 1.0", "other 1.0", "low 1.0"}
    assert found["app 1.0"].requires == ("other",)
    assert found["low 1.0"].needs == (Need("top"),)


def test_a_requirement_that_the_base_contradicts(index: Any, shop: Any) -> None:
    index.add("dep", "2.0")
    text = refuse(shop, one_layer(shop, "dep>=2"), shop.base(dists=[("dep", "1.5")]))
    assert "layers top and the base" in text or "layer top and the base" in text
    assert "the base debian bookworm has dep 1.5" in text
    assert "layer top (stackyard.yaml:2) asks for dep>=2" in text


def test_bases_that_differ_by_platform(index: Any, shop: Any) -> None:
    index.add("dep", "1.0")
    index.add("dep", "2.0")
    stack = one_layer(shop, "dep", platforms=BOTH)
    bases = {
        KEY: {"linux/amd64": shop.base(dists=[("dep", "1.7")]), "linux/arm64": shop.base()},
    }
    made = resolve(stack, bases, previous=None, upgrade=Upgrade(), report=print)
    found = {f"{p.name} {p.version}": sorted(p.wheels) for p in made.resolutions[KEY].packages}
    assert found == {"dep 2.0": ["linux/arm64"]}


@pytest.mark.parametrize(
    ("base", "python", "words"),
    [
        ({"version": "3.13.1"}, "3.11", "asks for Python 3.11, but the base of layer base"),
        ({"version": "3.7.3"}, None, "has Python 3.7.3"),
        ({"glibc": None}, None, "no GNU C library"),
        ({"version": "unknown"}, None, "unknown version"),
    ],
)
def test_bases_that_do_not_suit(
    index: Any, shop: Any, base: dict[str, Any], python: str | None, words: str
) -> None:
    index.add("pkg", "1.0")
    stack = shop.stack({"base": ("", []), "top": ("base", ["pkg"])}, {"i": ["top"]}, python=python)
    assert words in refuse(shop, stack, shop.base(**base))


@pytest.mark.parametrize("line", ["pkg @ https://example.org/p.whl", "???", "./local"])
def test_requirements_that_are_none(index: Any, shop: Any, line: str) -> None:
    assert "layer top asks for" in refuse(shop, one_layer(shop, line))


def test_markers_of_the_target_decide(index: Any, shop: Any) -> None:
    index.add("app", "1.0", ['armonly; platform_machine == "aarch64"', 'win; os_name == "nt"'])
    index.add("armonly", "1.0")
    index.add("win", "1.0")
    found = lock(shop, one_layer(shop, "app", platforms=BOTH))
    assert {key: sorted(p.wheels) for key, p in found.items()} == {
        "app 1.0": ["linux/amd64", "linux/arm64"],
        "armonly 1.0": ["linux/arm64"],
    }
    assert found["app 1.0"].requires == ("armonly",)


def test_needs_that_differ_by_platform_make_two_entries(index: Any, shop: Any) -> None:
    index.add("one", "1.0", ["shared"])
    index.add("two", "1.0", ['shared; platform_machine == "aarch64"'])
    index.add("shared", "1.0")
    layers = {"base": ("", []), "a": ("base", ["one"]), "b": ("base", ["two"])}
    stack = shop.stack(layers, {"x": ["a", "b"]}, platforms=BOTH)
    made = resolve(
        stack, shop.bases(stack, shop.base()), previous=None, upgrade=Upgrade(), report=print
    )
    shared = [p for p in made.resolutions[KEY].packages if p.name == "shared"]
    assert [([n.layer for n in p.needs], sorted(p.wheels)) for p in shared] == [
        (["a"], ["linux/amd64"]),
        (["a", "b"], ["linux/arm64"]),
    ]


def test_three_that_meet_only_in_pairs(index: Any, shop: Any) -> None:
    index.add("x", "1.0", ["y<2", "z<2"])
    index.add("x", "2.0", ["y<2"])
    index.add("x", "3.0", ["z<2"])
    for name in "yz":
        index.add(name, "1.0")
        index.add(name, "2.0")
    layers = {
        "base": ("", []),
        "a": ("base", ["x"]),
        "b": ("base", ["y>=2"]),
        "c": ("base", ["z>=2"]),
    }
    stack = shop.stack(layers, {"i": ["a", "b"], "j": ["b", "c"], "k": ["a", "c"]})
    assert "each two of them meet in some image" in refuse(shop, stack)
