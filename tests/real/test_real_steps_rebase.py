"""What stays and what is built again when a base moves, and where layers meet."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import snapshots
from snapshots import Archive
from stepyard import Image, Steps, changes, images, steps_begun, write

from stackyard.system.mirror import SNAPSHOTS

pytestmark = pytest.mark.real

BASE = "{debian: bookworm}"
HELD = "{debian: bookworm, snapshot: 20260115T000000Z}"
STACK = """
layers:
  base: {from: BASE, apt: [python3]}
  tools: {on: base, apt: [tree], run: ["tree --version > /tree"]}
  packages: {on: tools, pip: [humanize], finish: ["python3 -c 'import humanize'; echo 1 > /done"]}
images:
  packages: {layers: [packages]}
"""


@pytest.fixture(scope="module")
def archive() -> Iterator[Archive]:
    with snapshots.serve() as found:
        yield found


@dataclass(frozen=True)
class Moved:
    """An image before and after its base was held to a moment of the archive."""

    old: Image
    new: Image
    changed: dict[str, str]
    line: str
    cost: dict[str, Any]
    told: str
    asked: list[str]


@pytest.fixture(scope="module")
def moved(steps: Steps, archive: Archive) -> Moved:
    env = {SNAPSHOTS: archive.url.replace("//", "//user:hunter2@"), "no_proxy": "127.0.0.1"}
    yard = Steps(steps.place, {**steps.env, **env}).yard("rebase", STACK.replace("BASE", BASE))
    old = images(yard, "old")["packages:default"]
    assert archive.asked == []
    write(yard, "stackyard.yaml", STACK.replace("BASE", HELD))
    yard.run("lock")
    before = len(archive.asked)
    (line,) = [x for x in yard.run("plan").stdout.splitlines() if x.startswith("upgrade ")]
    (cost,) = json.loads(yard.run("plan", "--json").stdout)["upgrades"].values()
    changed = changes(yard)
    told = yard.run("build").stderr
    new = images(yard, "new")["packages:default"]
    return Moved(old, new, changed, line, cost, told, archive.asked[before:])


def test_a_new_base_leaves_packages_as_they_are(moved: Moved) -> None:
    system = ["apt tools", "run tools", "finish packages"]
    assert steps_begun(moved.told) == system
    assert set(moved.changed) >= {*system, "image packages:default"}
    assert not {step for step in moved.changed if step.startswith("packages")}
    assert moved.new.text("done") == "1"
    assert moved.old.blobs[-2] == moved.new.blobs[-2]


def test_what_an_upgrade_costs_is_told_before(moved: Moved) -> None:
    sizes = {layer["digest"]: layer["size"] for layer in moved.new.manifest["layers"]}
    pulled = sum(size for digest, size in sizes.items() if digest not in moved.old.blobs)
    assert re.search(r"nodes that have it pull about \d+\.\d [kM]B of \d+\.\d MB", moved.line)
    # Said before the steps were run, so near is all that it can be.
    assert moved.cost["estimated"] is True
    assert moved.cost["unknown"] == []
    assert moved.cost["pulled"] == pytest.approx(pulled, rel=0.02)
    assert moved.cost["total"] == pytest.approx(sum(sizes.values()), rel=0.02)


def test_apt_is_held_to_the_moment_of_the_base(moved: Moved, archive: Archive) -> None:
    assert any(path.endswith(".deb") and "/tree/" in path for path in moved.asked)
    assert any(path.endswith("/bookworm-security/InRelease") for path in moved.asked)
    (path,) = re.findall(r"log: (\S+/tools-apt-\S+)", moved.told)
    log = Path(path).read_text()
    assert set(re.findall(r"https?://([^/\s]+)/", log)) <= {archive.url.split("/")[2]}
    assert "hunter2" not in log
    kept = moved.new.text("etc/apt/sources.list")
    assert "snapshot.debian.org/archive/debian/20260115T000000Z/" in kept
    assert "127.0.0.1" not in kept


DIAMOND = """
layers:
  base: {from: {debian: bookworm}, apt: [python3], run: ["date +%s%N > /base"]}
  science: {on: base, run: ["cat /base > /science"]}
  geo: {on: science, run: ["date +%s%N > /geo"]}
  ml: {on: science, run: ["ls / > /ml"]}
  zoo: {on: [ml, geo], run: ["ls / > /zoo"]}
images:
  science: {layers: [science]}
  ml-geo: {layers: [ml, geo]}
  geo-ml: {layers: [geo, ml]}
  ml: {layers: [ml]}
  zoo: {layers: [zoo]}
"""


def test_a_diamond_has_one_order(steps: Steps) -> None:
    yard = steps.yard("diamond", DIAMOND)
    begun = steps_begun(yard.run("build").stderr)
    # ml stands on geo where both are, and on science where it is alone.
    assert sorted(begun) == sorted(
        ["run base", "run science", "run geo", "run ml", "run ml", "run zoo"]
    )
    made = {name.partition(":")[0]: image for name, image in images(yard, "layout").items()}
    assert made["ml-geo"].blobs == made["geo-ml"].blobs == made["zoo"].blobs[:-1]
    assert made["science"].blobs == made["ml"].blobs[:-1] == made["geo-ml"].blobs[:-2]
    assert "geo" in made["geo-ml"].text("ml").split()
    assert "geo" not in made["ml"].text("ml").split()
