"""Steps for another processor than this machine's."""

from __future__ import annotations

import json
import platform
from pathlib import Path

import pytest
from stepyard import Steps, images
from yard import base_tar

pytestmark = pytest.mark.real

STACK = """
platforms: [linux/arm64]
layers:
  base: {from: {rootfs: base.tar}}
  packages: {on: base, pip: [humanize]}
  step: {on: base, run: ["true"], pip: [humanize]}
images:
  packages: {layers: [packages]}
  step: {layers: [step]}
"""


def cannot_run_arm64() -> bool:
    return (
        platform.machine() != "aarch64"
        and not Path("/proc/sys/fs/binfmt_misc/qemu-aarch64").is_file()
    )


@pytest.mark.skipif(not cannot_run_arm64(), reason="this machine runs arm64 programs")
def test_steps_that_this_machine_cannot_run(steps: Steps) -> None:
    yard = steps.yard("foreign", STACK, {"base.tar": base_tar()})
    told = yard.run("build", exits=3).stderr
    assert f"layer step: run for linux/arm64: this machine is {platform.machine()}" in told
    assert "cannot run arm64 programs" in told
    assert "apt-get install qemu-user-static" in told
    assert "not built: step:default\n" in told

    # Packages need no emulation.
    image = images(yard, "layout", "packages")["packages:default"]
    assert image.config["architecture"] == "arm64"
    assert any(path.endswith("humanize/__init__.py") for path in image.files)
    left = json.loads(yard.run("plan", "--json").stdout)["steps"]
    assert {f"{s['kind']} {s['name']}" for s in left if s["action"] == "build"} == {
        "run step",
        "image step:default",
    }
