"""Steps on a Debian that has Python packages above: what apt and others may not leave there."""

from __future__ import annotations

import re

import pytest
from stepyard import Steps

pytestmark = pytest.mark.real

BASE = """
layers:
  base: {from: {debian: bookworm}, apt: [python3]}
"""
ONE = (
    BASE
    + """
  step: {on: base, STEP}
  packages: {on: step, pip: [humanize]}
images:
  step: {layers: [step]}
  packages: {layers: [packages]}
"""
)
HALF = """\
mkdir -p /p/DEBIAN
printf 'Package: half\\nVersion: 1\\nArchitecture: all\\nMaintainer: n <n@n>\\nDescription: n\\n' \
    > /p/DEBIAN/control
printf '#!/bin/sh\\nexit 1\\n' > /p/DEBIAN/postinst
chmod 755 /p/DEBIAN/postinst
dpkg-deb --build /p /p.deb
dpkg --install /p.deb || true
"""
PLACE = "/usr/local/lib/python3.11/dist-packages"


def fails(steps: Steps, name: str, step: str, files: dict[str, str] | None = None) -> str:
    """What is said of a step that fails, and of nothing else."""
    yard = steps.yard(name, ONE.replace("STEP", step), files)
    return yard.run("build", exits=2).stderr


def test_a_package_that_there_is_not(steps: Steps) -> None:
    told = fails(steps, "no-package", "apt: [zip, no-such-package-at-all]")
    assert "layer step: apt: apt-get install zip no-such-package-at-all" in told
    assert "E: Unable to locate package no-such-package-at-all" in told
    assert re.search(r"log: \S+/logs/step-apt-", told)


def test_dpkg_left_half_way(steps: Steps) -> None:
    told = fails(
        steps,
        "half",
        "containerfile: own/Dockerfile",
        {"own/Dockerfile": f"ARG B\nFROM $B\nRUN <<EOF\n{HALF}EOF\n"},
    )
    assert "layer step: containerfile: the step leaves dpkg interrupted or locked" in told
    assert "half is half-configured" in told


def test_a_step_where_packages_go(steps: Steps) -> None:
    told = fails(steps, "beside", f'run: ["mkdir -p {PLACE}/mine; touch {PLACE}/mine/a.py"]')
    assert f"layer step: run writes {PLACE}/mine/a.py" in told
    assert "packages:default" in told
    assert "not built: packages:default\n" in told, "without packages it is nobody's business"
    told = fails(
        steps, "same", f'run: ["mkdir -p {PLACE}/humanize; echo > {PLACE}/humanize/__init__.py"]'
    )
    assert f"layer step: run writes {PLACE}/humanize/__init__.py, which humanize" in told
    told = fails(
        steps,
        "older",
        f'run: ["mkdir -p {PLACE}/humanize-1.dist-info; '
        f'touch {PLACE}/humanize-1.dist-info/METADATA"]',
    )
    assert "humanize 4" in told
