"""Chains of system steps: their order, what they share, and what their keys depend on.

Nothing is run: a plan needs no engine.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from yard import Yard, base_tar

from stackyard.build.plan import Plan
from stackyard.build.project import open_project
from stackyard.build.results import Made, remember
from stackyard.build.selection import select
from stackyard.build.steps import EngineStep, ImageStep
from stackyard.errors import InputError
from stackyard.oci.store import Store

STACK = """\
registry: 127.0.0.1:1/hub
layers:
  base: {from: {rootfs: base.tar}}
  z: {on: base, env: {X: z}, run: [echo z]}
  b: {on: z, env: {X: b}, run: [echo b, "echo 2"]}
  c: {on: z, containerfile: c/Containerfile.j2, args: {V: "1"}, secrets: token}
  d: {on: [c, b], apt: [git, curl], finish: echo d}
  e: {on: base, apt: [git, curl]}
images:
  z: {layers: z}
  b: {layers: b}
  d: {layers: d}
  e: {layers: e}
"""
TEMPLATE = "ARG BASE_IMAGE\nFROM $BASE_IMAGE\nCOPY data /data\n# {{ layer }}\n"


class Plans:
    """Plans of a stack on disk."""

    def __init__(self, yard: Yard) -> None:
        self.yard = yard
        self.store = Store.open(yard.store)

    def __call__(self) -> Plan:
        project = open_project(self.yard.root / "stackyard.yaml")
        return project.plan(select(project.stack), self.store)

    def steps(self) -> dict[str, EngineStep]:
        """The engine steps, such as ``run z``."""
        found = [d.step for d in self().decisions.values()]
        engine = [step for step in found if isinstance(step, EngineStep)]
        named = {f"{step.kind} {step.name}": step for step in engine}
        assert len(named) == len(engine), "none is there twice"
        return named

    def keys(self) -> dict[str, str]:
        return {name: step.key for name, step in self.steps().items()}

    def chain(self, image: str) -> list[str]:
        """What an image is put together from, from the bottom."""
        plan = self()
        [step] = [plan.image_step(target) for target in plan.images if target.image == image]
        parts = [plan.decisions[key].step for key in step.needs]
        return [f"{part.kind} {part.name}" for part in parts[1:]]

    def done(self) -> None:
        """Remember all steps, as if they had been done and had changed nothing."""
        plan = self()
        for decision in plan.decisions.values():
            remember(self.store, decision.step, Made(), project=plan.project)

    def reasons(self) -> dict[str, str]:
        """Why engine steps are built."""
        return {
            f"{d.step.kind} {d.step.name}": d.reason
            for d in self().to_build
            if not isinstance(d.step, ImageStep)
        }


@pytest.fixture(scope="module")
def lock(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("chain") / "stackyard.lock"


@pytest.fixture
def plans(yard: Yard, lock: Path) -> Plans:
    """The stack, locked; the lock is made once: steps are not in it."""
    yard.stack(STACK)
    yard.write("c/Containerfile.j2", TEMPLATE)
    yard.write("c/data", "data\n")
    if not lock.is_file():
        yard.run("lock")
        shutil.copy(yard.root / "stackyard.lock", lock)
    shutil.copy(lock, yard.root / "stackyard.lock")
    return Plans(yard)


# Order


def test_steps_stand_in_stacking_order(plans: Plans) -> None:
    assert plans.chain("z") == ["run z"]
    assert plans.chain("b") == ["run z", "run b"]
    assert plans.chain("d") == ["run z", "run b", "containerfile c", "apt d", "finish d"]
    steps = plans.steps()
    for name in ("run b", "containerfile c"):
        assert steps["run z"].key in steps[name].needs


def test_a_diamond_has_one_order_whatever_is_written_first(plans: Plans) -> None:
    before = plans.keys()
    plans.yard.change("on: [c, b]", "on: [b, c]")
    lines = (plans.yard.root / "stackyard.yaml").read_text().splitlines(keepends=True)
    lines[2:8] = reversed(lines[2:8])
    assert lines[2].startswith("  e:")
    plans.yard.stack("".join(lines))
    assert plans.keys() == before


def test_an_image_s_prefix_is_shared_as_far_as_it_is_the_same(plans: Plans) -> None:
    plans.yard.change("images:", "images:\n  c: {layers: c}")
    assert plans.chain("c") == ["run z", "containerfile c"]
    plan = plans()
    images = {t.image: plan.image_step(t).needs for t in plan.images}
    assert images["d"][: len(images["b"])] == images["b"]
    assert images["c"][:2] == images["z"][:2] == images["b"][:2]
    # In a diamond `c` stands on `b` as well, so it is another step there.
    with_c = [s for s in plan.decisions.values() if s.step.kind == "containerfile"]
    assert len(with_c) == 2


def test_all_steps_of_one_layer_in_their_order(plans: Plans) -> None:
    plans.yard.write("f/run.sh", "true\n")
    plans.yard.change(
        "z: {on: base, env: {X: z}, run: [echo z]}",
        "z: {on: base, finish: x, containerfile: c/Containerfile.j2, apt: git,"
        " user: {name: u, uid: 7}, folder: f, run: y}",
    )
    assert plans.chain("z") == ["accounts u", "apt z", "containerfile z", "run z", "finish z"]


# Keys


def write(path: str, text: str) -> Callable[[Yard], object]:
    return lambda yard: yard.write(path, text)


def change(old: str, new: str) -> Callable[[Yard], object]:
    return lambda yard: yard.change(old, new)


def chmod(yard: Yard) -> None:
    (yard.root / "c" / "data").chmod(0o755)


def ignore(yard: Yard) -> None:
    yard.write("c/.dockerignore", "data\n")


OF_C = {"containerfile c", "apt d", "finish d"}
ALL = {"run z", "run b", *OF_C}


@pytest.mark.parametrize(
    ("move", "moved"),
    [
        (write("c/Containerfile.j2", TEMPLATE + "RUN x\n"), OF_C),
        (write("c/data", "other\n"), OF_C),
        (write("c/more", ""), OF_C),
        (chmod, OF_C),
        (ignore, OF_C),
        (change('V: "1"', 'V: "2"'), OF_C),
        (change('{V: "1"}', '{V: "1", W: ""}'), OF_C),
        (change("secrets: token", "secrets: [token, other]"), OF_C),
        (change("run: [echo z]", "run: [echo zz]"), ALL),
        (change("run: [echo z]", "run: [echo z], cache: /var/cache"), ALL),
        (change("run: [echo z]", "run: [echo z], secrets: token"), ALL),
        (change("env: {X: z}", "env: {X: z, Y: y}"), ALL),
        (change("X: z", "X: y"), ALL),
        (change('[echo b, "echo 2"]', '["echo 2", echo b]'), {"run b", *OF_C}),
        (change("d: {on: [c, b], apt: [git, curl]", "d: {on: [c, b], apt: [git, curl, jq]"),
         {"apt d", "finish d"}),
        (change("finish: echo d", "finish: echo dd"), {"finish d"}),
    ],
)  # fmt: skip
def test_a_step_s_key_covers_what_it_is_made_from(
    plans: Plans, move: Callable[[Yard], object], moved: set[str]
) -> None:
    before = keys_of_d(plans)
    move(plans.yard)
    after = keys_of_d(plans)
    assert before.keys() == after.keys()
    assert {name for name in before if before[name] != after[name]} == moved


def keys_of_d(plans: Plans) -> dict[str, str]:
    plan = plans()
    [step] = [plan.image_step(target) for target in plan.images if target.image == "d"]
    parts = [plan.decisions[key].step for key in step.needs]
    return {f"{part.kind} {part.name}": part.key for part in parts[1:]}


def test_another_base_moves_all(plans: Plans) -> None:
    before = keys_of_d(plans)
    (plans.yard.root / "base.tar").write_bytes(base_tar(more={"etc/motd": "new"}))
    plans.yard.run("lock", "--upgrade")
    after = keys_of_d(plans)
    assert all(before[name] != after[name] for name in before)


def touch(yard: Yard) -> None:
    os.utime(yard.root / "c" / "data", (1, 1))


def templates(yard: Yard) -> None:
    """Written otherwise, rendered the same."""
    yard.write("c/Containerfile.j2", TEMPLATE.replace("{{ layer }}", "{{ 'c' }}"))


@pytest.mark.parametrize(
    "move",
    [
        touch,
        templates,
        write("c/apt.txt", "# what other steps read\n"),
        write("c/run.sh", "x"),
        write("c/.git/HEAD", "x"),
        write("elsewhere", "x"),
        change("apt: [git, curl], finish", "apt: [curl, git], finish"),
        change("d: {on: [c, b],", "d: {on: [c, b], cmd: x, labels: {a: b}, pip: [], workdir: /w,"),
    ],
)
def test_a_step_s_key_covers_nothing_else(plans: Plans, move: Callable[[Yard], object]) -> None:
    before = keys_of_d(plans)
    move(plans.yard)
    assert keys_of_d(plans) == before


@pytest.mark.parametrize(
    "env",
    [
        {"STACKYARD_ENGINE": "docker"},
        {"STACKYARD_SECRET_TOKEN": "value"},
        {"STACKYARD_STEP_TIMEOUT": "7", "PATH": "/nowhere", "STACKYARD_DEBIAN_MIRROR": "http://m"},
    ],
)
def test_neither_engines_nor_values_of_secrets_are_in_a_key(
    plans: Plans, monkeypatch: pytest.MonkeyPatch, env: Mapping[str, str]
) -> None:
    before = plans.keys()
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    assert plans.keys() == before


def test_keys_do_not_depend_on_where_the_project_is(plans: Plans, tmp_path: Path) -> None:
    before = keys_of_d(plans)
    shutil.copytree(plans.yard.root, tmp_path / "moved")
    plans.yard.root = tmp_path / "moved"
    assert keys_of_d(plans) == before


def test_platforms_have_keys_of_their_own(yard: Yard) -> None:
    yard.stack("platforms: [linux/amd64, linux/arm64]\n" + STACK)
    yard.write("c/Containerfile.j2", TEMPLATE)
    yard.run("lock")
    plan = Plans(yard)()
    steps = [d.step for d in plan.decisions.values() if d.step.kind == "run"]
    assert len(steps) == len({step.key for step in steps}) == 4
    assert {step.platform for step in steps} == {"linux/amd64", "linux/arm64"}


def test_variables_of_upper_layers_win(plans: Plans) -> None:
    assert plans.steps()["run z"].env == {"X": "z"}
    assert plans.steps()["run b"].env == {"X": "b"}
    assert plans.steps()["apt e"].env == {}


def test_caches_are_this_project_s_and_this_platform_s(plans: Plans, tmp_path: Path) -> None:
    plans.yard.change("run: [echo z]", "run: [echo z], cache: [/c, /d]")

    def caches() -> Mapping[str, str]:
        return plans.steps()["run z"].work.caches

    here = caches()
    assert len(set(here.values())) == 2
    shutil.copytree(plans.yard.root, tmp_path / "moved")
    plans.yard.root = tmp_path / "moved"
    assert not set(caches().values()) & set(here.values())


# Reasons


def test_nothing_changed(plans: Plans) -> None:
    assert set(plans.reasons().values()) == {"not built yet"}
    plans.done()
    assert plans.reasons() == {}


@pytest.mark.parametrize(
    ("move", "step", "reason"),
    [
        (write("c/data", "other\n"), "containerfile c", "c/data changed"),
        (write("c/sub/new", "x"), "containerfile c", "+ c/sub/new"),
        (chmod, "containerfile c", "c/data changed"),
        (lambda yard: (yard.root / "c" / "data").unlink(), "containerfile c", "- c/data"),
        (write("c/Containerfile.j2", TEMPLATE + "RUN x\n"), "containerfile c",
         "c/Containerfile.j2 changed"),
        (change('V: "1"', 'V: "2"'), "containerfile c", "argument V 1 → 2"),
        (change("secrets: token", "secrets: [token, k]"), "containerfile c", "+ secret k"),
        (change("run: [echo z]", "run: [echo zz]"), "run z", "+ `echo zz`, - `echo z`"),
        (change("run: [echo z]", "run: [echo z], cache: /x"), "run z", "+ cache /x"),
        (change("X: z", "X: y"), "run z", "env X z → y"),
        (change("apt: [git, curl]}", "apt: [git, jq]}"), "apt e", "+ jq, - curl"),
        (change("finish: echo d", "finish: [echo d, x]"), "finish d", "+ `x`"),
        (change('[echo b, "echo 2"]', '["echo 2", echo b]'), "run b",
         "in another order, or by another version of Stackyard"),
    ],
)  # fmt: skip
def test_a_plan_names_what_changed(
    plans: Plans, move: Callable[[Yard], object], step: str, reason: str
) -> None:
    plans.done()
    move(plans.yard)
    assert plans.reasons()[step] == reason


def test_what_stands_on_a_changed_step_says_so(plans: Plans) -> None:
    plans.done()
    plans.yard.write("c/data", "other\n")
    assert plans.reasons() == {
        "containerfile c": "c/data changed",
        "apt d": "what it stands on changed",
        "finish d": "what it stands on changed",
    }


def test_commands_that_begin_alike_are_told_apart(plans: Plans) -> None:
    lines = ["set -x\\n one", "set -x\\n two", "set -x", "set -x"]
    plans.yard.change("run: [echo z]", f"""run: ["{'", "'.join(lines)}"]""")
    plans.done()
    plans.yard.change(" one", " 1")
    assert plans.reasons()["run z"] == "`set -x` changed"
    plans.done()
    plans.yard.change(" two", " 2")
    assert plans.reasons()["run z"] == "`set -x` (2) changed"


def test_a_script_s_folder_is_in_its_key(plans: Plans) -> None:
    for name in ("run.sh", "helper", "apt.txt"):
        plans.yard.write(f"f/{name}", "# x\n")
    plans.yard.change("run: [echo z]}", "folder: f}")
    plans.done()
    plans.yard.write("f/helper", "other")
    assert plans.reasons()["run z"] == "f/helper changed"
    plans.yard.write("f/helper", "# x\n")
    plans.yard.write("f/apt.txt", "# y\n")
    assert "run z" not in plans.reasons()


def test_a_context_that_no_engine_can_be_given(plans: Plans) -> None:
    os.mkfifo(plans.yard.root / "c" / "pipe")
    with pytest.raises(InputError, match="c/pipe is a device, a pipe or a socket"):
        plans()
    plans.yard.write("c/.dockerignore", "pipe\n")
    plans()
