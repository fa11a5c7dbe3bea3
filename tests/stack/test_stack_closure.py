from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stackyard.stack.closure import CycleError, closure, stacking_order

NAMES = [f"l{n}" for n in range(8)]


@st.composite
def stacks(draw: st.DrawFn) -> dict[str, list[str]]:
    """Layers on layers without cycles, names unrelated to depth."""
    order = draw(st.permutations(NAMES))
    return {
        name: draw(st.lists(st.sampled_from(order[:place]), max_size=3)) if place else []
        for place, name in enumerate(order)
    }


@settings(deadline=None, max_examples=50)
@given(stacks())
def test_each_layer_comes_once_and_after_all_it_stands_on(on: dict[str, list[str]]) -> None:
    order = stacking_order(on)
    assert sorted(order) == sorted(on)
    for layer, below in on.items():
        assert all(order.index(name) < order.index(layer) for name in below)


@settings(deadline=None, max_examples=50)
@given(stacks(), st.randoms(use_true_random=False))
def test_the_order_does_not_depend_on_how_the_file_is_written(
    on: dict[str, list[str]], random: object
) -> None:
    names = list(on)
    random.shuffle(names)  # type: ignore[attr-defined]
    assert stacking_order({name: on[name][::-1] for name in names}) == stacking_order(on)


@settings(deadline=None, max_examples=50)
@given(
    stacks(),
    st.lists(st.sampled_from(NAMES), min_size=1),
    st.lists(st.sampled_from(NAMES), min_size=1),
)
def test_two_images_have_their_common_layers_in_one_order(
    on: dict[str, list[str]], one: list[str], two: list[str]
) -> None:
    order = stacking_order(on)
    stacked = [[name for name in order if name in closure(on, image)] for image in (one, two)]
    common = set(stacked[0]) & set(stacked[1])
    assert [n for n in stacked[0] if n in common] == [n for n in stacked[1] if n in common]


@settings(deadline=None, max_examples=50)
@given(stacks(), st.sampled_from(NAMES))
def test_a_closure_is_a_layer_and_the_closures_of_what_it_stands_on(
    on: dict[str, list[str]], layer: str
) -> None:
    below = [closure(on, [name]) for name in on[layer]]
    assert closure(on, [layer]) == frozenset({layer}).union(*below)


@settings(deadline=None, max_examples=50)
@given(stacks(), st.data())
def test_a_layer_added_on_top_moves_no_other(on: dict[str, list[str]], data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(["a", "l55", "z"]))
    more = {**on, name: data.draw(st.lists(st.sampled_from(NAMES), max_size=3))}
    assert [layer for layer in stacking_order(more) if layer != name] == list(stacking_order(on))


def test_a_diamond_is_stacked_once() -> None:
    on = {"geo-ml": ["geo", "ml"], "ml": ["science"], "geo": ["science"], "science": []}
    assert stacking_order(on) == ("science", "geo", "ml", "geo-ml")


@settings(deadline=None, max_examples=50)
@given(stacks(), st.data())
def test_a_cycle_is_told_as_a_path(on: dict[str, list[str]], data: st.DataObject) -> None:
    top = data.draw(st.sampled_from(NAMES))
    bottom = data.draw(st.sampled_from(sorted(closure(on, [top]))))
    with pytest.raises(CycleError) as error:
        stacking_order({**on, bottom: [*on[bottom], top]})
    path = error.value.path
    assert path[0] == path[-1]
    assert len(set(path)) == len(path) - 1
    for layer, below in pairwise(path):
        assert below in on[layer] or (layer, below) == (bottom, top)
