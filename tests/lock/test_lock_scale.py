"""300 layers in one resolution."""

from __future__ import annotations

import random
from typing import Any

import pytest

from stackyard.lock.model import Upgrade
from stackyard.lock.resolve import resolve


@pytest.mark.real
def test_three_hundred_layers_lock_again_as_before(index: Any, shop: Any) -> None:
    chance = random.Random(1)  # noqa: S311 - a fixed stack
    count = 1000
    for n in range(count):
        index.add(f"p{n}", "1.0", [f"p{chance.randrange(n + 1, count)}"] if n < 900 else [])
    layers: dict[str, tuple[str, list[str]]] = {"base": ("", [])}
    for n in range(300):
        on = "base" if n < 10 else f"l{chance.randrange(n)}"
        layers[f"l{n}"] = (on, [f"p{chance.randrange(count)}" for _ in range(3)])
    stack = shop.stack(layers, {f"i{n}": [f"l{n}"] for n in range(300)})
    bases = shop.bases(stack, shop.base())
    first = resolve(stack, bases, previous=None, upgrade=Upgrade(), report=print)
    again = resolve(stack, bases, previous=first, upgrade=Upgrade(), report=print)
    assert again == first
