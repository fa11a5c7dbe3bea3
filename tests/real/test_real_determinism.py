"""The same lock gives the same digests on every machine."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from realyard import Yard

pytestmark = pytest.mark.real


def test_another_machine_builds_the_same_bytes(built: Yard, tmp_path: Path) -> None:
    """A store with nothing in it: the base is bootstrapped, the wheels are fetched and packed."""
    there = Yard(tmp_path / "stack", tmp_path / "other", built.env)
    shutil.copytree(built.folder, there.folder)
    here = built.export(tmp_path / "here", "*:py311")
    assert len(here) == 2
    assert there.export(tmp_path / "there", "--jobs=1", "*:py311") == here
    assert there.run("build", "*:py311").stderr.strip().startswith("nothing to do")
