"""Steps that fail: what is said, what is kept, and what is left behind."""

from __future__ import annotations

import os
import re
import signal
from pathlib import Path

import pytest
from realengines import Docker
from realyard import Yard
from stepyard import (
    Steps,
    building,
    command_lines,
    containers,
    images,
    left_behind,
    steps_begun,
    write,
)

pytestmark = pytest.mark.real

HEAD = """
layers:
  base: {from: {rootfs: root.tar}}
"""
MIXED = (
    HEAD
    + """
  bad: {on: base, run: ["echo fine", "echo reason >&2; (exit 7)", "echo never"]}
  worse: {on: bad, run: ["true"]}
  good: {on: base, run: ["sleep 2; echo good > /good"]}
  better: {on: good, run: ["echo better > /better"]}
images:
  bad: {layers: [bad]}
  worse: {layers: [worse]}
  better: {layers: [better]}
"""
)
ONE = (
    HEAD
    + """
  step: {on: base, STEP}
images:
  step: {layers: [step]}
"""
)


def one(steps: Steps, name: str, step: str) -> Yard:
    """A stack of one step."""
    return steps.yard(name, ONE.replace("STEP", step))


def log_of(told: str) -> str:
    found = re.search(r"^ *log: (\S+)$", told, re.MULTILINE)
    assert found, told
    return Path(found[1]).read_text()


@pytest.fixture(scope="module", params=["buildah", "docker"])
def engine(request: pytest.FixtureRequest) -> dict[str, str]:
    """Each engine, as the environment chooses it."""
    env = {"STACKYARD_ENGINE": request.param}
    if request.param == "docker":
        docker: Docker = request.getfixturevalue("docker")
        env |= docker.env
    return env


def test_a_command_that_fails(steps: Steps, engine: dict[str, str]) -> None:
    name = engine["STACKYARD_ENGINE"]
    yard = steps.yard(f"mixed-{name}", MIXED, store=f"mixed-{name}-store")
    told = yard.run("build", "--jobs", "2", exits=2, **engine).stderr
    assert "layer bad: run: echo reason >&2; (exit 7): ended with exit status 7" in told
    assert "    reason\n" in told
    assert "not built: bad:default, worse:default\n" in told
    log = log_of(told)
    assert "fine" in log
    assert "reason" in log
    assert "never" not in log.replace("echo never", "")
    better = images(yard, "layout", "better")["better:default"]
    assert (better.text("good"), better.text("better")) == ("good", "better")


def test_fail_fast_starts_nothing_more(steps: Steps) -> None:
    yard = steps.yard("fast", MIXED, store="fast-store")
    told = yard.run("build", "--jobs", "2", "--fail-fast", exits=2).stderr
    assert sorted(steps_begun(told)) == ["run bad", "run good"]
    assert "not built: bad:default, worse:default, better:default\n" in told
    # What ran while it failed came to its end and is kept.
    assert steps_begun(yard.run("build", "better").stderr) == ["run better"]


def test_a_step_that_takes_too_long(steps: Steps, engine: dict[str, str]) -> None:
    name = engine["STACKYARD_ENGINE"]
    yard = one(steps, f"long-{name}", 'run: ["echo begun; sleep 61.5"]')
    told = yard.run("build", "--step-timeout", "3", exits=3, **engine).stderr
    assert "layer step: run:" in told
    assert "no end after 3 s" in told
    assert "--step-timeout" in told
    assert "begun" in log_of(told)
    if name == "buildah":
        assert left_behind(yard.store, "sleep 61.5") == []


def test_an_engine_that_is_killed(steps: Steps) -> None:
    yard = one(steps, "killed", 'run: ["sleep 62.5"]')
    with building(yard, "sleep 62.5") as build:
        engines = [
            pid
            for pid, words in command_lines()
            if re.match(r"\S*buildah --root", words) and f"--root {yard.store}/" in words
        ]
        assert engines
        for pid in engines:
            os.kill(pid, signal.SIGKILL)
        assert build.end() == 3
    assert "layer step: run: buildah was ended by signal 9" in build.told
    assert "run again" in build.told
    assert left_behind(yard.store, "sleep 62.5") == []


COPIES = {
    "missing": "COPY missing /",
    "outside": "COPY ../out/side /",
    "link": "COPY link /",
    "hidden": "ADD hidden /",
}


def test_files_that_are_not_in_the_context(steps: Steps) -> None:
    layers = "".join(f"  {n}: {{on: base, containerfile: {n}/Dockerfile}}\n" for n in COPIES)
    targets = "".join(f"  {name}: {{layers: [{name}]}}\n" for name in COPIES)
    files = {f"{n}/Dockerfile": f"ARG B\nFROM $B\n{copy}\n" for n, copy in COPIES.items()}
    files |= {"hidden/.dockerignore": "hidden\n", "hidden/hidden": "h", "out/side": "not for you"}
    links = {"link/link": "../out/side"}
    yard = steps.yard("copies", f"{HEAD}{layers}images:\n{targets}", files, links=links)
    told = yard.run("build", exits=2).stderr
    for name, copy in COPIES.items():
        (line,) = [x for x in told.splitlines() if x.startswith(f"  layer {name}: containerfile: ")]
        assert copy.removesuffix(" /") in line
    logs = (yard.store / "logs").iterdir()
    assert "not for you" not in "".join(path.read_text() for path in logs)


def test_the_next_run_is_whole(steps: Steps) -> None:
    yard = one(steps, "mended", 'run: ["mkdir /d; echo a > /d/a; false"]')
    yard.run("build", exits=2)
    write(yard, "stackyard.yaml", ONE.replace("STEP", 'run: ["echo b > /b"]'))
    image = images(yard, "layout")["step:default"]
    assert image.text("b") == "b"
    assert "d" not in image.files
    assert containers(yard) == ""
