"""What a preview tells on the terminal."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hubcases import CAMPUS, published

from stackyard.hub.preview.words import offered, plain, told, without_effect, without_limits
from stackyard.hub.profiles import profile_list

LOG = Path("/logs/1.log")
NAMES = {"geo": "Geo &amp; ML"}


def say(event: str, **more: Any) -> str:
    text = told({"event": event, "user": "ada", **more}, NAMES, LOG)
    assert text is not None
    return text


OPTIONS = {"profile": "geo", "image": "py313"}


def test_a_start() -> None:
    assert say("starting", options=OPTIONS, image="acme/geo:py313") == (
        "starting  ada: Geo & ML, py313, acme/geo:py313"
    )
    assert say("ready", options=OPTIONS, seconds=2.34, version="5.5.0", hub="5.5.4") == (
        "ready     ada: Geo & ML, py313 in 2.3 s"
    )
    assert "the default profile" in say("starting", options={}, image="x")


def test_another_major_version_of_the_hub_is_told() -> None:
    text = say("ready", options=OPTIONS, seconds=2, version="4.1.0", hub="5.5.4")
    assert "warning: the image has jupyterhub 4.1.0 and the hub is 5.5.4" in text
    assert "warning" not in say("ready", options=OPTIONS, seconds=2, version="", hub="5.5.4")


def test_a_failure_tells_why_what_was_said_and_where_to_look() -> None:
    lines = [*map(str, range(30)), "\x1b[31mno such file\x1b[0m", ""]
    reason = "the container ended with exit code 7"
    text = say("failed", options=OPTIONS, seconds=0.6, reason=reason, lines=lines, hint="look")
    head, *rest = text.splitlines()
    assert head == f"failed    ada: Geo & ML, py313 after 0.6 s: {reason}"
    assert rest[0] == "  its last lines:"
    assert rest[-3].strip() == "no such file"
    assert "\x1b" not in text
    assert len(rest) < 20
    assert str(LOG) in rest[-1]


def test_a_container_that_said_nothing() -> None:
    assert "it said nothing" in say("ended", reason="killed", lines=[], hint="")
    # Nor could it, where it never ran.
    why: dict[str, Any] = {"reason": "no image", "lines": None, "hint": "build it", "seconds": 0}
    text = say("failed", options={}, **why)
    assert "said" not in text
    assert "  build it" in text.splitlines()


def test_hostile_names_reach_no_terminal() -> None:
    text = told({"event": "stopped", "user": "a\x1b]0;x\x07\nb"}, NAMES, LOG)
    assert text is not None
    assert text.isprintable()
    assert plain("a\tb\r") == "a b"


def test_what_the_hub_tells_later_is_passed_over() -> None:
    assert told({"event": "new"}, NAMES, LOG) is None


def test_what_is_offered() -> None:
    lines = offered(profile_list(CAMPUS, published(CAMPUS)))
    assert any(line.startswith("Geo & <b>ML</b> (default)") for line in lines)
    assert any("py311, py313" in line for line in lines)


def profile(slug: str, override: dict[str, Any], **choices: dict[str, Any]) -> dict[str, Any]:
    options = {c: {"kubespawner_override": o} for c, o in choices.items()}
    return {
        "slug": slug,
        "display_name": slug,
        "kubespawner_override": override,
        "profile_options": {"image": {"choices": options}},
    }


def test_overrides_that_need_a_cluster_are_told_once() -> None:
    profiles = [
        profile("a", {"mem_limit": "1G", "node_selector": {}}, x={"node_selector": {}}),
        profile("b", {"image": "x"}, y={"volumes": []}, z={"node_selector": {}}),
    ]
    assert without_effect(profiles) == {"node_selector": ["a", "b"], "volumes": ["b"]}


@pytest.mark.parametrize(
    ("limits", "told_of"),
    [
        ({"memory": True, "cpu": True}, {}),
        ({"memory": True, "cpu": False}, {"cpu_limit": ["b"]}),
        ({}, {"mem_limit": ["a"], "cpu_limit": ["b"]}),
    ],
)
def test_limits_that_an_engine_cannot_set(limits: dict[str, bool], told_of: Any) -> None:
    profiles = [profile("a", {"mem_limit": "1G"}), profile("b", {}, x={"cpu_limit": 1})]
    assert without_limits(profiles, limits) == told_of
