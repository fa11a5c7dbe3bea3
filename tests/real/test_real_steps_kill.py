"""Builds that are ended in the middle of a step, and disks that fill up."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from realyard import Yard, run
from stepyard import Steps, building, containers, images, left_behind, steps_begun

pytestmark = pytest.mark.real

# How long it sleeps is a secret, because a secret's value is in no key.
STACK = """
layers:
  base: {from: {rootfs: root.tar}, run: ["echo below > /below"]}
  slow:
    on: base
    secrets: [wait]
    run: ['echo half > /half; sleep "$(cat /run/secrets/wait)"; mv /half /whole']
images:
  slow: {layers: [slow]}
"""
BIG = """
layers:
  base: {{from: {{rootfs: root.tar}}}}
  big: {{on: base, run: ["dd if=/dev/urandom of=/big bs=1M count={count}"]}}
images:
  base: {{layers: [base]}}
  big: {{layers: [big]}}
"""


def whole(yard: Yard) -> None:
    """The next run does what is left, and its result is as if nothing had happened."""
    told = yard.run("build", STACKYARD_SECRET_WAIT="0.01").stderr
    assert steps_begun(told) == ["run slow"]
    image = images(yard, "layout")["slow:default"]
    assert (image.text("below"), image.text("whole")) == ("below", "half")
    assert "half" not in image.files
    assert containers(yard) == ""
    left = [path for path in (yard.store / "tmp").rglob("*") if path.suffix != ".lock"]
    assert not [path for path in left if not path.is_dir() or any(path.iterdir())]


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_a_build_that_is_ended(steps: Steps, number: signal.Signals) -> None:
    wait = f"63.{number.value}"
    yard = steps.yard(f"ended-{number.name}", STACK, store=f"ended-{number.name}-store")
    with building(yard, f"sleep {wait}", STACKYARD_SECRET_WAIT=wait) as build:
        os.kill(build.process.pid, number)
        code = build.end()
    assert left_behind(yard.store, f"sleep {wait}") == []
    assert code == (130 if number is signal.SIGINT else -number)
    whole(yard)


def test_two_builds_of_one_store(steps: Steps) -> None:
    """A killed build's leftovers are told from the work of one that runs."""
    yard = steps.yard("two", STACK, store="two-store")
    with (
        building(yard, "sleep 64.1", STACKYARD_SECRET_WAIT="64.1") as killed,
        building(yard, "sleep 2.9", STACKYARD_SECRET_WAIT="2.9") as other,
    ):
        killed.process.kill()
        killed.end()
        assert other.end() == 0
    assert left_behind(yard.store, "sleep 64.1") == []
    assert "nothing to do" in yard.run("build").stderr
    assert images(yard, "layout")["slow:default"].text("whole") == "half"


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    """A file system of 100 MB."""
    if os.geteuid():
        pytest.skip("mounting needs root")
    place = tmp_path / "small"
    place.mkdir()
    run("mount", "-t", "tmpfs", "-o", "size=100m", "stackyard-test", place)
    try:
        yield place
    finally:
        run("umount", place)


# The second has room for what the step writes, and none for the layer that is made of it.
@pytest.mark.parametrize("count", [120, 60])
def test_a_step_that_fills_the_disk(steps: Steps, small: Path, count: int) -> None:
    made = steps.yard(f"big-{count}", BIG.format(count=count))
    yard = Yard(made.folder, small / "store", made.env)
    told = yard.run("build", exits=3).stderr
    assert "layer big: run: " in told
    assert "no space left" in told.lower()
    assert "make room" in told
    assert "not built: big:default\n" in told
    assert left_behind(yard.store, "of=/big") == []

    run("mount", "-o", "remount,size=600m", small)
    yard.run("build")
    assert len(images(yard, "layout", "big")["big:default"].files["big"].data) == count << 20
    assert containers(yard) == ""
