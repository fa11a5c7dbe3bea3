"""Layers that contradict each other, and packages that want the same path."""

from __future__ import annotations

from collections import Counter

from yard import Yard, base_tar

FORKS = """\
registry: 127.0.0.1:1/hub
layers:
  base: {from: {rootfs: base.tar}}
  old: {on: base, pip: ["core<2"]}
  new: {on: base, pip: ["core>=2"]}
images:
  old: {layers: [old]}
  new: {layers: [new]}
  bare: {layers: [base]}
"""


def modules(yard: Yard, image: str) -> Counter[str]:
    paths = yard.paths(yard.digests()[f"{image}:default linux/amd64"])
    return Counter(path for path in paths if path.endswith((".py", "METADATA")))


def test_contradictions_that_never_meet_are_forked(yard: Yard) -> None:
    yard.index.add("core", "2.0")
    yard.stack(FORKS)
    yard.run("lock")
    yard.run("build")
    for image, version in (("old", "1.0"), ("new", "2.0")):
        held = [p for p in modules(yard, image) if p.endswith("METADATA")]
        assert [p.split("/")[-2] for p in held] == [f"core-{version}.dist-info"]
    assert not [p for p in modules(yard, "bare") if p.endswith("METADATA")]


def test_a_shared_parent_is_forked_with_its_children_only_where_it_must(yard: Yard) -> None:
    yard.index.add("core", "2.0")
    yard.stack(FORKS)
    yard.change("old: {on: base", "mid: {on: base, pip: [shared, app]}\n  old: {on: mid")
    yard.change("new: {on: base", "new: {on: mid")
    yard.run("lock")
    yard.run("build")
    assert modules(yard, "old").keys() != modules(yard, "new").keys()
    layers = {
        image: {la["digest"] for la in yard.manifest(digest)["layers"]}
        for image, digest in yard.digests().items()
    }
    both = layers["old:default linux/amd64"] & layers["new:default linux/amd64"]
    assert len(both) == 2, "the base and what does not depend on core"
    for image, version in (("old", "1.0"), ("new", "2.0")):
        names = {p.split("/")[-2] for p in modules(yard, image) if p.endswith("METADATA")}
        assert names == {"app-1.0.dist-info", "shared-1.0.dist-info", f"core-{version}.dist-info"}
    assert "nothing to do" in yard.run("build").err


def test_contradictions_that_meet_are_an_error_with_all_names(yard: Yard) -> None:
    yard.index.add("core", "2.0")
    yard.stack(FORKS + "  odd: {layers: [new, old]}\n")
    text = yard.fail("lock", code=2)
    for part in ("layer old", "layer new", "core<2", "core>=2", "odd", "stackyard.yaml:4", "hint:"):
        assert part in text
    assert not (yard.root / "stackyard.lock").exists()
    assert sorted(p.name for p in yard.root.iterdir()) == ["base.tar", "motd", "stackyard.yaml"]


def test_two_packages_with_one_path_and_other_content(yard: Yard) -> None:
    yard.index.add("one", "1.0", files={"tool/data.txt": "one", "one.py": ""})
    yard.index.add("two", "1.0", files={"tool/data.txt": "two", "two.py": ""})
    yard.change("pip: [lefty]", "pip: [one]")
    yard.change("pip: [righty]", "pip: [two]")
    yard.run("lock")
    done = yard.run("build", code=2)
    assert "one 1.0 and two 1.0 both bring /usr/local/lib/" in done.err
    assert "tool/data.txt to both:default" in done.err
    assert done.err.count("hint:") >= 1
    # The images in which they do not meet are whole.
    assert set(yard.digests()) == {"top:default linux/amd64", "left:default linux/amd64"}
    assert [line.split()[0] for line in done.lines[1:3]] == ["top:default", "left:default"]
    again = yard.run("build", code=2)
    assert "one 1.0 and two 1.0" in again.err


def test_two_packages_with_one_path_and_equal_content(yard: Yard) -> None:
    same = {"tool/data.txt": "same"}
    yard.index.add("one", "1.0", files={**same, "one.py": ""})
    yard.index.add("two", "1.0", files={**same, "two.py": ""})
    yard.change("pip: [lefty]", "pip: [one, two]")
    yard.run("lock")
    yard.run("build", "left")
    paths = yard.paths(yard.digests()["left:default linux/amd64"])
    assert sum(path.endswith("/tool/data.txt") for path in paths) == 1
    assert sum(path.endswith(("/one.py", "/two.py")) for path in paths) == 2


def test_what_the_base_has_is_not_installed_again(yard: Yard) -> None:
    there = "usr/lib/python3/dist-packages/core-1.0.dist-info/METADATA"
    told = "Metadata-Version: 2.1\nName: core\nVersion: 1.0\n"
    (yard.root / "base.tar").write_bytes(base_tar(more={there: told}))
    yard.index.add("core", "2.0")
    yard.run("lock")
    yard.run("build", "top")
    names = [p.split("/")[-2] for p in modules(yard, "top") if p.endswith("METADATA")]
    assert sorted(names) == ["app-1.0.dist-info", "core-1.0.dist-info"]
    yard.change("pip: [app]", 'pip: [app, "core>=2"]')
    text = yard.fail("lock", code=2)
    assert "core>=2" in text
    assert "rootfs base.tar" in text
