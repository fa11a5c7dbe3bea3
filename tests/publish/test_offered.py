"""`stackyard profiles` offers what is published, and what was published before."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml
from registryserver import ask
from yard import Yard

pytestmark = pytest.mark.real
ONLINE = {"STACKYARD_OFFLINE": ""}


@pytest.fixture
def offering(locked: Yard, registry: str) -> Yard:
    """A stack of which the image `top` is offered with two versions before."""
    locked.change("registry: 127.0.0.1:1/hub", f"registry: {registry}/hub")
    locked.change("{display_name: Top,", "{display_name: Top, previous_versions: 2,")
    locked.change("    profile: {display_name: Both}\n", "")
    return locked


def choices(yard: Yard, *words: str) -> dict[str, Any]:
    text = yard.run("profiles", *words, env=ONLINE).out
    (profile,) = yaml.safe_load(text)["singleuser"]["profileList"]
    found = profile["profile_options"]["image"]["choices"]
    return {key: choice["kubespawner_override"]["image"] for key, choice in found.items()}


def test_what_is_built_but_not_published(offering: Yard) -> None:
    offering.run("build", env=ONLINE)
    told = offering.fail("profiles", code=2, env=ONLINE)
    assert re.search(r"stackyard.yaml:\d+: built, but not published .*: top:default", told)
    assert "stackyard push" in told
    assert "offline: no previous versions" in offering.run("profiles").err


def test_versions_before(offering: Yard, registry: str) -> None:
    told = []
    for word in ("one", "two", "three", "four"):
        offering.change("cmd: [", f"cmd: [{word}, ")
        offering.run("push", env=ONLINE)
        told.append(ask(registry, "hub/top/manifests/default")[1])
    found = choices(offering)
    newest, second, third = found.values()
    assert next(iter(found)) == "default"
    assert [image.rpartition("@")[2] for image in (newest, second, third)] == told[:0:-1]
    for key, image in list(found.items())[1:]:
        assert ask(registry, f"hub/top/manifests/{key}")[1] == image.rpartition("@")[2]
        assert f"/hub/top:{key}@" in image
    assert choices(offering, "--by", "tag") == {
        key: image.partition("@")[0] for key, image in found.items()
    }


def test_a_registry_that_is_not_there(offering: Yard) -> None:
    offering.run("build")
    before = re.search(r"registry: \S+", (offering.root / "stackyard.yaml").read_text())
    assert before
    offering.change(before[0], "registry: 127.0.0.1:1/hub")
    told = offering.fail("profiles", code=3, env=ONLINE)
    assert "--offline" in told
