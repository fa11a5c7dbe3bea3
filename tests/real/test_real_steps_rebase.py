"""What stays and what is built again when a base moves, and where layers meet."""

from __future__ import annotations

import json
import re

import pytest
from stepyard import Steps, changes, images, steps_begun, write

pytestmark = pytest.mark.real

REBASE = """
layers:
  base: {from: {debian: bookworm}, apt: [python3MORE]}
  tools: {on: base, apt: [zip], run: ["zip -v | head -1 > /zip"]}
  packages: {on: tools, pip: [humanize], finish: ["python3 -c 'import humanize'; echo 1 > /done"]}
images:
  packages: {layers: [packages]}
"""


def test_a_new_base_leaves_packages_as_they_are(steps: Steps) -> None:
    yard = steps.yard("rebase", REBASE.replace("MORE", ""))
    old = images(yard, "old")["packages:default"]
    write(yard, "stackyard.yaml", REBASE.replace("MORE", ", tree"))
    yard.run("lock")
    assert set(changes(yard)) == {
        *("base debian bookworm", "apt tools", "run tools", "finish packages"),
        "image packages:default",
    }
    (line,) = [x for x in yard.run("plan").stdout.splitlines() if x.startswith("upgrade ")]
    assert re.search(r"nodes that have it pull about \d+\.\d MB of \d+\.\d MB \(base debian", line)
    (told,) = json.loads(yard.run("plan", "--json").stdout)["upgrades"].values()

    begun = steps_begun(yard.run("build").stderr)
    assert begun == ["apt tools", "run tools", "finish packages"]
    new = images(yard, "new")["packages:default"]
    assert "usr/bin/tree" in new.files
    (packages,) = set(old.blobs) & set(new.blobs)
    assert packages == old.blobs[-2] == new.blobs[-2]
    sizes = {layer["digest"]: layer["size"] for layer in new.manifest["layers"]}
    pulled = sum(size for digest, size in sizes.items() if digest not in old.blobs)
    # Said before the steps were run, so near is all that it can be.
    assert told["estimated"] is True
    assert told["pulled"] == pytest.approx(pulled, rel=0.02)
    assert told["total"] == pytest.approx(sum(sizes.values()), rel=0.02)


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
