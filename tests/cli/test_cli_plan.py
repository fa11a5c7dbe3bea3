"""`stackyard plan`."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest
from yard import Yard


def test_json_names_every_step_and_target(built: Yard) -> None:
    built.change("cmd: [app]", "cmd: [other]")
    done = built.run("plan", "--json")
    assert done.err == ""
    plan = done.json
    by_key = {step["key"]: step for step in plan["steps"]}
    seen: set[str] = set()
    for step in plan["steps"]:
        assert set(step["needs"]) <= seen, "what a step needs comes before it"
        seen.add(step["key"])
        assert step["action"] == ("build" if step["kind"] == "image" else "reuse")
        assert step["reason"]
    images = {t["image"]: by_key[t["step"]] for t in plan["targets"]}
    assert list(images) == ["top", "left", "both"]
    assert images["both"]["layers"] == ["base", "top", "left", "right"]


def test_targets_by_glob_and_a_misspelt_one(locked: Yard) -> None:
    def images(*words: str) -> list[str]:
        return [t["image"] for t in locked.run("plan", "--json", *words).json["targets"]]

    assert images("[tl]*") == ["top", "left"]
    assert images("*:default") == ["top", "left", "both"]
    assert images("both", "top", "top") == ["top", "both"]
    assert "did you mean left?" in locked.fail("plan", "lfet", code=2)
    assert "did you mean left:default?" in locked.fail("plan", "left:defalt", code=2)
    assert "linux/amd64" in locked.fail("plan", "--platform", "linux/s390x", code=2)


NODE = re.compile(r'  (\w+)(\["[^"]*"\]|\(\["[^"]*"\]\)):::(build|reuse)')
EDGE = re.compile(r"  (\w+) --> (\w+)")


@pytest.mark.parametrize("odd", ["", "\"app; python_version >= '3'\"", '"app[x]>=0.1,<9"'])
def test_the_graph_is_mermaid(locked: Yard, odd: str) -> None:
    if odd:
        locked.index.add("app", "0.9", ["core"], extras={"x": []})
        locked.change("pip: [app]", f"pip: [{odd}]")
        locked.run("lock")
    head, *lines = locked.run("plan", "--graph").lines
    assert head == "flowchart BT"
    nodes: set[str] = set()
    edges: list[tuple[str, str]] = []
    for line in lines:
        if node := NODE.fullmatch(line):
            nodes.add(node[1])
        elif edge := EDGE.fullmatch(line):
            edges.append((edge[1], edge[2]))
        else:
            assert line.startswith("  classDef "), line
    assert len(nodes) == 4 + 3
    assert {end for edge in edges for end in edge} == nodes
    assert len(edges) == 3 + 4


def test_the_graph_for_graphviz(locked: Yard) -> None:
    head, *lines, last = locked.run("plan", "--graph", "dot").lines
    assert (head, last) == ("digraph stack {", "}")
    assert len([line for line in lines if "[label=<<b>" in line]) == 4 + 3
    assert len([line for line in lines if " -> " in line]) == 3 + 4
    told = locked.fail("plan", "--graph", "svg", code=3, env={"PATH": "/nowhere"})
    assert "apt install graphviz" in told


@pytest.mark.real
def test_the_graph_drawn(locked: Yard) -> None:
    locked.change("pip: [lefty]", "pip: ['lefty; python_version >= \"3\"']")
    locked.run("lock")
    drawing = ElementTree.fromstring(locked.run("plan", "--graph", "svg").out)  # noqa: S314
    texts = {text.text for text in drawing.iter("{http://www.w3.org/2000/svg}text")}
    assert {"base", "top", "left", "right", "both"} <= texts


def test_a_plan_changes_nothing(built: Yard) -> None:
    def held() -> list[str]:
        found = (p.relative_to(built.store) for p in built.store.rglob("*"))
        return sorted(str(p) for p in found if p.parts[0] != "tmp")

    before = held()
    built.change("cmd: [app]", "cmd: [other]")
    for words in ((), ("--json",), ("--graph",)):
        built.run("plan", *words)
    assert held() == before


@pytest.mark.parametrize("verb", ["plan", "build", "push", "profiles"])
def test_a_lock_that_is_missing_or_stale(locked: Yard, verb: str) -> None:
    locked.change("pip: [lefty]", "pip: [lefty, extra]")
    told = locked.fail(verb, code=2)
    assert "layer left now asks for extra" in told
    assert "hint: run `stackyard lock`" in told
    (locked.root / "stackyard.lock").unlink()
    assert "has no lock yet" in locked.fail(verb, code=2)
    assert sorted(p.name for p in locked.root.iterdir()) == ["base.tar", "motd", "stackyard.yaml"]


def test_a_lock_that_is_damaged(locked: Yard) -> None:
    lock = locked.root / "stackyard.lock"
    text = lock.read_text()
    for damaged in ("", "{}", text[: len(text) // 2], "<<<<<<< HEAD\n" + text, '{"version": 99}'):
        lock.write_text(damaged)
        told = locked.fail("plan", code=2)
        assert "stackyard.lock" in told
        assert "hint: " in told
    assert lock.read_text() == damaged
