"""Engine steps that write where packages go; what they made is put into the store by hand."""

from __future__ import annotations

import io
import re
import tarfile

import pytest
from yard import MINOR, Yard

from stackyard.build.project import open_project
from stackyard.build.results import Made, remember
from stackyard.build.selection import select
from stackyard.oci.layer import layer_from_tar
from stackyard.oci.store import Store

PLACE = f"usr/local/lib/python{MINOR}/dist-packages"


def made(yard: Yard, step: str, *names: str) -> None:
    """Remember that a step (``run top``) wrote empty files and folders (``x/``)."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name in names:
            info = tarfile.TarInfo(name.rstrip("/"))
            info.type = tarfile.DIRTYPE if name.endswith("/") else tarfile.REGTYPE
            tar.addfile(info)
    out.seek(0)
    store = Store.open(yard.store)
    project = open_project(yard.root / "stackyard.yaml")
    plan = project.plan(select(project.stack), store)
    layer = layer_from_tar(store, out)
    steps = [d.step for d in plan.decisions.values() if f"{d.step.kind} {d.step.name}" == step]
    assert steps
    for found in steps:
        remember(store, found, Made(layers=(layer,)), project=plan.project)


@pytest.fixture
def with_run(built: Yard) -> Yard:
    """Layer `top`, which brings app and core, has a step that was done."""
    built.change("    pip: [app]\n", "    pip: [app]\n    run: [make install]\n")
    return built


def test_steps_may_write_elsewhere(with_run: Yard) -> None:
    names = (
        "usr/local/bin/tool", f"{PLACE}/", f"{PLACE}/app/", f"usr/local/lib/python{MINOR}/x",
        f"{PLACE}-other/x.py", f"{PLACE}/__pycache__/x.pyc", f"srv/{PLACE}/y.py",
        f"{PLACE}/.wh.old.py", f"{PLACE}/gone/.wh..wh..opq",
    )  # fmt: skip
    made(with_run, "run top", *names)
    with_run.run("build")
    assert "usr/local/bin/tool" in with_run.paths(with_run.digests()["top:default linux/amd64"])
    assert "nothing to do" in with_run.run("build").err


@pytest.mark.parametrize(
    ("path", "told"),
    [
        (f"{PLACE}/app.py", f"/{PLACE}/app.py, which app 1.0 brings to top:default"),
        (f"{PLACE}/core-1.0.dist-info/METADATA", "METADATA, which core 1.0 brings to top:default"),
        (f"{PLACE}/other.py", f"/{PLACE}/other.py, where the packages of top:default go"),
        (f"{PLACE}/app-0.9.dist-info/METADATA",
         "METADATA, where the packages of top:default go: app 1.0 is there"),
        (f"{PLACE}/app-1.0.dist-info/EXTRA",
         "EXTRA, where the packages of top:default go: app 1.0 is there"),
    ],
)  # fmt: skip
def test_a_step_that_writes_where_packages_go(with_run: Yard, path: str, told: str) -> None:
    made(with_run, "run top", "usr/bin/fine", path)
    text = with_run.fail("build", "top", code=2)
    assert "layer top: run writes " in text
    assert told in text
    assert "hint: ask for Python packages in `pip:`" in text
    assert not with_run.digests()


def test_only_images_in_which_they_meet_are_refused(built: Yard) -> None:
    built.change("left: {on: top, pip: [lefty]}", "left: {on: top, pip: [lefty], run: x}")
    made(built, "run left", f"{PLACE}/righty.py")
    text = built.fail("build", code=2)
    told = re.findall(r"writes /\S+righty.py, (.*)", text)
    # Beside the packages of left it is an intruder, too.
    assert set(told) == {
        "where the packages of left:default go",
        "which righty 1.0 brings to both:default",
    }
    assert list(built.digests()) == ["top:default linux/amd64"]


def test_what_comes_after_the_packages_may_change_them(built: Yard) -> None:
    built.change("    pip: [app]\n", "    pip: [app]\n    finish: [jupyter labextension x]\n")
    made(built, "finish top", f"{PLACE}/app.py", f"{PLACE}/new.py")
    built.run("build", "top")
    assert f"{PLACE}/new.py" in built.paths(built.digests()["top:default linux/amd64"])


def test_an_image_without_packages_has_none_to_protect(built: Yard) -> None:
    built.change("from: {rootfs: base.tar}", "from: {rootfs: base.tar}\n    run: [x]")
    built.change("images:\n", "images:\n  bare: {layers: [base]}\n")
    made(built, "run base", f"{PLACE}/mine.py")
    built.run("build", "bare")
    assert "where the packages of top:default go" in built.fail("build", "top", code=2)
