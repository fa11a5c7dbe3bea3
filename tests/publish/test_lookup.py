"""What the registry has is neither built nor sent again, also with an empty store."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import pytest
from registryserver import ask
from yard import STACK, Done, Yard

pytestmark = pytest.mark.real
ONLINE = {"STACKYARD_OFFLINE": ""}


@pytest.fixture
def pushed(locked: Yard, registry: str) -> Yard:
    locked.change("registry: 127.0.0.1:1/hub", f"registry: {registry}/hub")
    locked.run("push")
    return locked


@pytest.fixture
def runner(tmp_path: Path) -> Path:
    """The store of a machine that has nothing yet."""
    return tmp_path / "runner"


def pushes(done: Done) -> list[dict[str, Any]]:
    return [event for event in done.events if event["event"] == "pushed"]


def plan(yard: Yard, store: Path) -> dict[str, tuple[str, str]]:
    steps = yard.run("plan", "--json", store=store, env=ONLINE).json["steps"]
    return {f"{s['kind']} {s['name']}": (s["action"], s["reason"]) for s in steps}


def test_an_empty_store_has_nothing_to_do(pushed: Yard, runner: Path) -> None:
    assert set(plan(pushed, runner).values()) == {("reuse", "in the registry")}
    done = pushed.run("push", "--json", store=runner, env=ONLINE)
    assert sum(e["uploaded"] + e["mounted"] for e in pushes(done)) == 0
    blobs = list((runner / "blobs" / "sha256").iterdir())
    assert max(blob.stat().st_size for blob in blobs) < 10_000  # documents, no layers


def test_what_changed_takes_the_rest_from_the_registry(
    pushed: Yard, runner: Path, registry: str
) -> None:
    pushed.change("cmd: [app]", "cmd: [other]")
    found = plan(pushed, runner)
    assert {name for name, (action, _) in found.items() if action == "build"} == {
        "image top:default",
        "image left:default",
        "image both:default",
    }
    pushed.index.requests.clear()
    pushed.run("push", store=runner, env=ONLINE)
    assert pushed.index.requests == []  # no wheel was fetched, so none was packed
    manifest, _ = ask(registry, "hub/both/manifests/latest")
    config = httpx.get(f"http://{registry}/v2/hub/both/blobs/{manifest['config']['digest']}").json()
    assert config["config"]["Cmd"] == ["other"]
    # The same as from a store that had all.
    assert pushed.run("build", env=ONLINE)
    _, digest = ask(registry, "hub/both/manifests/latest")
    assert digest in pushed.digests().values()


def test_a_new_image_takes_blobs_over_from_its_siblings(
    pushed: Yard, runner: Path, registry: str
) -> None:
    pushed.change("  left: {layers: [left]}", "  left: {layers: [left]}\n  new: {layers: [left]}")
    done = pushed.run("push", "--json", "new", store=runner, env=ONLINE)
    [event] = pushes(done)
    assert event["uploaded"] < 20_000  # the config; layers are mounted
    manifest, _ = ask(registry, "hub/new/manifests/latest")
    for layer in manifest["layers"]:
        url = f"http://{registry}/v2/hub/new/blobs/{layer['digest']}"
        assert httpx.head(url).status_code == 200


def test_build_pulls_what_is_there(pushed: Yard, runner: Path) -> None:
    before = pushed.digests()
    done = pushed.run(
        "build", "both", "-o", f"oci:{runner.parent / 'out'}", store=runner, env=ONLINE
    )
    assert "wrote 1 images" in done.err
    project_digests = pushed.digests(store=runner)
    assert project_digests["both:default linux/amd64"] == before["both:default linux/amd64"]
    assert "nothing to do" in pushed.run("build", "both", store=runner).err


def test_a_revert_moves_the_tags_back(pushed: Yard, registry: str) -> None:
    _, first = ask(registry, "hub/top/manifests/latest")
    pushed.change("cmd: [app]", "cmd: [other]")
    pushed.run("push", env=ONLINE)
    assert ask(registry, "hub/top/manifests/latest")[1] != first
    pushed.change("cmd: [other]", "cmd: [app]")
    pushed.run("push", env=ONLINE)
    assert ask(registry, "hub/top/manifests/latest")[1] == first
    assert ask(registry, "hub/top/manifests/default")[1] == first


def test_platforms_of_several_machines_are_merged(yard: Yard, registry: str, runner: Path) -> None:
    yard.stack(STACK + "platforms: [linux/amd64, linux/arm64]\n")
    yard.change("registry: 127.0.0.1:1/hub", f"registry: {registry}/hub")
    yard.run("lock")
    yard.run("push", "--platform", "linux/amd64", env=ONLINE)
    tags = ask(registry, "hub/top/tags/list")[0]["tags"]
    assert "latest" not in tags
    assert "default" not in tags
    message = yard.fail("push", "--index-only", code=2, env=ONLINE)
    assert "top:default linux/arm64" in message
    assert "--platform" in message
    yard.run("push", "--platform", "linux/arm64", store=runner, env=ONLINE)
    yard.run("push", "--index-only", store=runner.with_name("third"), env=ONLINE)
    index, _ = ask(registry, "hub/top/manifests/latest")
    assert [m["platform"]["architecture"] for m in index["manifests"]] == ["amd64", "arm64"]
    again = yard.run("push", "--json", store=runner.with_name("fourth"), env=ONLINE)
    assert sum(e["uploaded"] for e in pushes(again)) == 0


def test_a_registry_that_is_not_there_is_told_once(locked: Yard) -> None:
    done = locked.run("plan", env=ONLINE)
    assert done.err.count("planned without the registry") == 1
    assert "127.0.0.1:1" in done.err
    assert locked.run("plan", "--offline", env=ONLINE).err == ""
