"""What holds for every stack: hypothesis makes the stacks."""

from __future__ import annotations

from dataclasses import dataclass, replace

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stackyard.layout.arrange import arrange
from stackyard.layout.needs import Holdings, Stacking
from stackyard.layout.values import Item, Layout
from stackyard.lock.model import UNFORKED, Need

relaxed = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
LARGE = 100
NAMES = [f"l{n}" for n in range(6)]


@dataclass(frozen=True)
class Case:
    stands_on: dict[str, frozenset[str]]
    forked: frozenset[str]
    images: dict[str, frozenset[str]]
    items: tuple[Item, ...]

    def arrange(self, limit: int) -> Layout:
        return arrange(
            self.items, self.images, self.stands_on, self.forked, limit=limit, large=LARGE
        )

    def wanted(self, image: str) -> set[str]:
        closure = self.images[image]
        return {i.id for i in self.items if any(holds(n, closure, self.forked) for n in i.needs)}


def holds(need: Need, closure: frozenset[str], forked: frozenset[str]) -> bool:
    """The definition, word for word; what the layout must agree with."""
    if need.fork == UNFORKED:
        return need.layer in closure and not closure & forked
    return need.layer in closure and (not need.fork or closure & forked == set(need.fork))


@st.composite
def cases(draw: st.DrawFn) -> Case:
    stands_on: dict[str, frozenset[str]] = {}
    for name in NAMES:
        on = draw(st.sets(st.sampled_from(sorted(stands_on)), max_size=3)) if stands_on else ()
        stands_on[name] = frozenset(on).union(*(stands_on[low] for low in on))
    forked = draw(st.frozensets(st.sampled_from(NAMES), max_size=4))
    chosen = draw(st.lists(st.sets(st.sampled_from(NAMES), max_size=4), max_size=6))
    images = {
        f"image{n}": frozenset(layers).union(*(stands_on[layer] for layer in layers))
        for n, layers in enumerate(chosen)
    }
    closures = [tuple(sorted(closure & forked)) for closure in images.values()]
    forks = st.sampled_from(
        [(), UNFORKED, *(closure for closure in closures if closure)]
    ) | st.frozensets(st.sampled_from(sorted(forked) or NAMES), max_size=3).map(
        lambda fork: tuple(sorted(fork))
    )
    needs = st.builds(Need, st.sampled_from(NAMES), forks)
    packages = draw(
        st.lists(
            st.tuples(st.frozensets(needs, min_size=1, max_size=6), st.integers(0, 2 * LARGE)),
            max_size=15,
        )
    )
    items = tuple(
        Item(f"p{n}==1", f"p{n}", size, wanted) for n, (wanted, size) in enumerate(packages)
    )
    return Case(stands_on, forked, images, items)


def held(layout: Layout, image: str) -> list[str]:
    return [item.id for group in layout.groups_of(image) for item in group.items]


def placed(layout: Layout) -> list[str]:
    return [item.id for group in layout.groups for item in group.items]


@relaxed
@given(cases())
def test_every_package_is_in_exactly_one_group(case: Case) -> None:
    layout = case.arrange(len(case.items) + 1)
    assert sorted(placed(layout)) == sorted(item.id for item in case.items)
    assert layout.duplicated == 0
    assert not layout.merged


@relaxed
@given(cases(), st.integers(1, 12))
def test_an_image_holds_its_closures_packages_each_once(case: Case, limit: int) -> None:
    layout = case.arrange(limit)
    assert set(layout.images) == set(case.images)
    for image in case.images:
        assert sorted(held(layout, image)) == sorted(case.wanted(image))
        assert list(layout.images[image]) == sorted(set(layout.images[image]))


@relaxed
@given(cases(), st.integers(1, 12))
def test_the_budget_holds_and_its_cost_is_told(case: Case, limit: int) -> None:
    layout = case.arrange(limit)
    free = case.arrange(len(case.items) + 1)
    assert all(len(groups) <= limit for groups in layout.images.values())
    assert set(layout.merged) == {i for i in case.images if len(free.images[i]) > limit}
    assert all(layout.merged.values())
    stored = placed(layout)
    assert set(stored) == {item.id for item in case.items}
    sizes = {item.id: item.size for item in case.items}
    assert layout.duplicated == sum(map(sizes.__getitem__, stored)) - sum(sizes.values())
    names = [group.name for group in layout.groups]
    assert len(set(names)) == len(names)


@relaxed
@given(cases(), st.integers(1, 12))
def test_an_image_within_its_budget_stores_nothing_again(case: Case, limit: int) -> None:
    """Whatever is stored again belongs to images that were over their limits."""
    layout = case.arrange(limit)
    stored = placed(layout)
    own = {name for notes in layout.merged.values() for m in notes for name in [m.group]}
    for image in set(case.images) - set(layout.merged):
        for group in layout.groups_of(image):
            if group.name in own:
                assert all(stored.count(item.id) == 1 for item in group.items)


@relaxed
@given(cases(), st.integers(1, 12), st.randoms())
def test_the_order_of_the_input_does_not_matter(case: Case, limit: int, random) -> None:
    items, images = list(case.items), list(case.images)
    random.shuffle(items)
    random.shuffle(images)
    other = replace(
        case, items=tuple(items), images={image: case.images[image] for image in images}
    )
    assert other.arrange(limit) == case.arrange(limit)


@relaxed
@given(cases(), st.data())
def test_an_update_moves_only_its_own_group(case: Case, data: st.DataObject) -> None:
    if not case.items:
        return
    old = data.draw(st.sampled_from(case.items))
    sizes = st.integers(LARGE, 3 * LARGE) if old.size >= LARGE else st.integers(0, LARGE - 1)
    new = replace(old, id=f"{old.name}==2", size=data.draw(sizes))
    items = tuple(new if item is old else item for item in case.items)
    before = case.arrange(len(items)).groups
    after = replace(case, items=items).arrange(len(items)).groups
    assert [(g.name, g.needs) for g in before] == [(g.name, g.needs) for g in after]
    moved = [(a, b) for a, b in zip(before, after, strict=True) if a != b]
    assert [(old in a.items, new in b.items) for a, b in moved] == [(True, True)]
    assert [len(a.items) == len(b.items) for a, b in moved] == [True]


@relaxed
@given(cases(), st.sets(st.sampled_from(NAMES), min_size=1))
def test_a_new_image_of_known_layers_needs_no_new_group(case: Case, layers: set[str]) -> None:
    closure = frozenset(layers).union(*(case.stands_on[layer] for layer in layers))
    wider = replace(case, images=case.images | {"new": closure})
    limit = len(case.items) + 1
    assert set(wider.arrange(limit).groups) == set(case.arrange(limit).groups)


@relaxed
@given(cases())
def test_reduced_needs_hold_in_the_same_images(case: Case) -> None:
    """And in every image that could be: unions of closures are tried, not only the case's."""
    stacking = Stacking([*NAMES, *case.forked], case.stands_on)
    closures = [frozenset([name]) | case.stands_on[name] for name in NAMES]
    closures += [a | b for a in closures for b in closures]
    for item in case.items[:5]:
        reduced = stacking.reduce(item.needs)
        assert reduced <= item.needs
        for closure in {*closures, *case.images.values()}:
            before = any(holds(need, closure, case.forked) for need in item.needs)
            assert before == any(holds(need, closure, case.forked) for need in reduced)


@relaxed
@given(cases())
def test_no_reduced_need_is_left_that_the_stacking_makes_idle(case: Case) -> None:
    """Dropping any further need would lose an image, unless that need never holds alone."""
    stacking = Stacking([*NAMES, *case.forked], case.stands_on)
    for item in case.items:
        reduced = stacking.reduce(item.needs)
        for need in reduced:
            for other in reduced - {need}:
                fork = set(need.fork) - set(UNFORKED)
                below = {need.layer, *case.stands_on[need.layer], *fork}
                below = below.union(*(case.stands_on[layer] for layer in fork))
                assert not (other.layer in below and other.fork in {(), need.fork})


@relaxed
@given(cases())
def test_holdings_agree_with_the_definition(case: Case) -> None:
    holdings = Holdings(case.images, case.forked)
    for item in case.items:
        found = holdings.images(item.needs)
        for number, closure in enumerate(case.images.values()):
            wanted = any(holds(need, closure, case.forked) for need in item.needs)
            assert bool(found >> number & 1) == wanted
