"""What an upgrade costs nodes that have an image, in bytes."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from yard import Yard, base_tar

from stackyard.build.project import open_project
from stackyard.build.results import Made, remember
from stackyard.build.selection import select
from stackyard.build.upgrade import Upgrade, upgrades
from stackyard.oci.store import Store


@dataclass(frozen=True)
class Costs:
    """What the plan says, and how large the parts of a target are in the store."""

    yard: Yard

    def __call__(self) -> dict[str, Upgrade]:
        project = open_project(self.yard.root / "stackyard.yaml")
        store = Store.open(self.yard.store)
        plan = project.plan(select(project.stack), store)
        return {target.image: cost for target, cost in upgrades(plan, store).items()}

    def layers(self, image: str) -> list[dict[str, object]]:
        digest = self.yard.digests()[f"{image}:default linux/amd64"]
        return self.yard.manifest(digest)["layers"]

    def sizes(self, image: str) -> dict[str, int]:
        return {layer["digest"]: layer["size"] for layer in self.layers(image)}


@pytest.fixture
def costs(locked: Yard) -> Costs:
    """Of images that were built of this very stack file, which a copied store's were not."""
    locked.run("build")
    return Costs(locked)


def test_what_does_not_change_costs_nothing(costs: Costs) -> None:
    assert costs() == {}


def test_what_was_never_built_is_no_upgrade(locked: Yard) -> None:
    assert Costs(locked)() == {}


def test_settings_alone_cost_no_layer(costs: Costs) -> None:
    whole = sum(costs.sizes("both").values())
    costs.yard.change("cmd: [app]", "cmd: [other]")
    cost = costs()["both"]
    assert (cost.pulled, cost.size, cost.total) == ({}, 0, whole)
    assert (cost.estimated, cost.unknown) == (False, ())


def test_the_cost_foretold_is_the_cost(costs: Costs) -> None:
    held = costs.sizes("top")
    costs.yard.write("motd", "good morning\n")
    cost = costs()["top"]
    assert list(cost.pulled) == ["files top: files"]
    assert cost.estimated, "a step that is still to be done is as large as the last time"
    costs.yard.run("build", "top")
    new = costs.sizes("top")
    pulled = sum(size for digest, size in new.items() if digest not in held)
    assert abs(pulled - cost.size) < 100
    assert abs(sum(new.values()) - cost.total) < 100
    assert set(costs()) == {"left", "both"}
    assert not costs()["left"].estimated, "what they need is there already"
    assert costs()["left"].size == pulled


def test_packages_stay_when_only_the_base_moves(costs: Costs) -> None:
    held = costs.sizes("both")
    (costs.yard.root / "base.tar").write_bytes(base_tar(more={"etc/motd2": "new" * 999}))
    costs.yard.run("lock", "--upgrade")
    cost = costs()["both"]
    assert {name.split()[0] for name in cost.pulled} == {"base", "accounts"}
    assert next(iter(cost.pulled)).startswith("base "), "the largest first"
    costs.yard.run("build", "both")
    new = costs.sizes("both")
    moved = [digest for digest in new if digest not in held]
    assert len(moved) == 1, "an account's files are the same on it"


def test_what_steps_will_make_is_not_known_before_the_first_time(costs: Costs) -> None:
    costs.yard.change("    pip: [app]\n", "    pip: [app]\n    run: [make]\n    finish: [x]\n")
    cost = costs()["left"]
    assert cost.unknown == ("run top", "finish top")
    assert cost.size == 0
    told = costs.yard.run("plan").out
    assert "and what run top, finish top will make" in told
    assert costs.yard.run("plan", "--json").json["upgrades"]["left:default linux/amd64"] == {
        "pulled": 0,
        "total": cost.total,
        "steps": {},
        "estimated": False,
        "unknown": ["run top", "finish top"],
    }


def test_steps_count_as_the_last_time(costs: Costs) -> None:
    yard = costs.yard
    yard.change("    pip: [app]\n", "    pip: [app]\n    run: [make]\n")
    project = open_project(yard.root / "stackyard.yaml")
    store = Store.open(yard.store)
    plan = project.plan(select(project.stack), store)
    [step] = [d.step for d in plan.decisions.values() if d.step.kind == "run"]
    [files] = [d.made for d in plan.decisions.values() if d.step.kind == "files"]
    assert files
    remember(store, step, Made(layers=files.layers), project=plan.project)
    assert costs()["top"].unknown == ()
    yard.change("run: [make]", "run: [make, again]")
    assert costs()["top"].pulled == {"run top": files.size}
    assert costs()["top"].estimated


def test_new_packages_are_as_large_as_their_wheels(costs: Costs) -> None:
    yard = costs.yard
    yard.index.add("added", "1.0")
    yard.change("pip: [lefty]", "pip: [lefty, added]")
    yard.run("lock")
    cost = costs()["left"]
    assert [name for name in cost.pulled if name.startswith("packages")]
    assert all(size > 0 for size in cost.pulled.values())
    assert cost.estimated
