"""Small stacks and bases for the resolver."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import pytest

from stackyard.errors import Position
from stackyard.inventory.facts import BaseDist, PythonFacts, Scheme
from stackyard.lock.model import LockedBase
from stackyard.stack.values import BaseSource, Image, Layer, Stack, Variant

SCHEME = Scheme("usr/lib/python3/dist-packages", "usr/lib", "usr/bin", "usr", "usr/include")


@dataclass(frozen=True)
class Shop:
    """Makes small stacks and bases."""

    def base(
        self,
        version: str = "3.11.2",
        *,
        glibc: str | None = "2.36",
        dists: Iterable[tuple[str, str] | tuple[str, str, tuple[str, ...]]] = (),
    ) -> LockedBase:
        """A base with a Python."""
        found = tuple(BaseDist(*d) for d in dists)
        facts = PythonFacts(version, "/usr/bin/python3", SCHEME, glibc, found)
        return LockedBase("debian bookworm", "sha256:" + "0" * 64, facts)

    def stack(
        self,
        layers: dict[str, tuple[str, Iterable[str]]],
        images: dict[str, Iterable[str]],
        *,
        platforms: tuple[str, ...] = ("linux/amd64",),
        python: str | None = None,
    ) -> Stack:
        """A stack of one variant: layer name to (names it is on, requirements)."""
        made = {
            name: Layer(
                name=name,
                on=tuple(on.split()),
                where=Position("stackyard.yaml", line),
                base=None if on else BaseSource("debian", "bookworm"),
                pip=tuple(pip),
            )
            for line, (name, (on, pip)) in enumerate(layers.items(), 1)
        }

        def closure(names: Iterable[str]) -> tuple[str, ...]:
            out: list[str] = []
            for name in names:
                out += [n for n in (*closure(made[name].on), name) if n not in out]
            return tuple(out)

        pictures = {
            name: Image(
                name, tuple(on), closure(on), closure(on)[0], Position("stackyard.yaml", 90)
            )
            for name, on in images.items()
        }
        variant = Variant("py311", {}, made, pictures, python)
        path = Path("stackyard.yaml")
        return Stack(
            path,
            path.parent,
            None,
            platforms,
            {"py311": variant},
            dict.fromkeys(images, ("py311",)),
        )

    def bases(self, stack: Stack, base: LockedBase) -> dict[tuple[str, str], dict[str, LockedBase]]:
        """The same base for each platform and bottom layer."""
        return {
            (v.name, i.base): dict.fromkeys(stack.platforms, base)
            for v in stack.variants.values()
            for i in v.images.values()
        }


@pytest.fixture
def shop() -> Shop:
    """Makes small stacks and bases."""
    return Shop()
