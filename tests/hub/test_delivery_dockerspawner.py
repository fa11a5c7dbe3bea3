"""DockerSpawner itself shows the form, takes its submissions, and pulls."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from deliverycases import NASTY, TEXTS, offered
from hubcases import CAMPUS, reference, stack
from hypothesis import given, settings
from hypothesis import strategies as st
from realengines import docker, registry

from stackyard.errors import InputError, Position
from stackyard.hub.delivery.dockerspawner import allowed_images
from stackyard.hub.delivery.formats import FORMATS, deliver
from stackyard.hub.profiles import Offer
from stackyard.stack.values import Profile

HERE = Path(__file__).parent


def run(program: str, fragment: str, folder: Path, env: dict[str, str] | None = None) -> Any:
    (folder / "profiles.py").write_text(fragment)
    config = folder / "jupyterhub_config.py"
    config.write_text(
        'c.JupyterHub.spawner_class = "dockerspawner.DockerSpawner"\n'
        'load_subconfig("profiles.py")\n'
    )
    words = [sys.executable, str(HERE / program), str(config)]
    done = subprocess.run(
        words, env={**os.environ, **(env or {})}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("by", ["tag", "digest"])
def test_the_form(by: str, tmp_path: Path) -> None:
    images = {
        "Geo & \u2039b\u203aML\u2039/b\u203a": reference("geo-ml", "py313"),
        "Default environment (py311)": reference("default", "py311"),
        "Default environment (py313)": reference("default", "py313"),
        "Wide 3.11": reference("wide", "py311"),
        "Wide 3.13": reference("wide", "Py_3.13"),
    }
    want = images
    if by == "tag":
        want = {name: image.partition("@")[0] for name, image in images.items()}
    made = deliver("dockerspawner", CAMPUS, offered(CAMPUS, by=by))
    found = run("dockerpage.py", made.text, tmp_path)
    assert list(found["chosen"].items()) == list(want.items())
    assert found["shown"] == list(want)
    assert found["default"] == next(iter(want.values()))
    assert (found["remove"], found["policy"]) == (True, "ifnotpresent")
    assert found["class"] == ("DigestSpawner" if by == "digest" else "DockerSpawner")


def test_tags_unless_asked() -> None:
    assert {name for name, known in FORMATS.items() if known.by == "tag"} == {"dockerspawner"}


def test_whatever_a_name_holds_comes_back_from_the_form(tmp_path: Path) -> None:
    made = deliver("dockerspawner", NASTY, offered(NASTY, by="tag"))
    found = run("dockerpage.py", made.text, tmp_path)
    images = allowed_images(offered(NASTY, by="tag"))
    assert len(images) == len(TEXTS) + 3
    assert found["chosen"] == images
    assert found["shown"] == list(images)


@settings(deadline=None)
@given(st.text(), st.text())
def test_names_are_safe_in_a_form_that_escapes_nothing(one: str, other: str) -> None:
    names = [one, other, one]
    listed: list[Any] = [
        {"display_name": name, "slug": f"s{n}", "kubespawner_override": {"image": f"r/{n}"}}
        for n, name in enumerate(names)
    ]
    found = allowed_images([Offer(profile, "i", Position("f", 1)) for profile in listed])
    assert list(found.values()) == ["r/0", "r/1", "r/2"]
    for name in found:
        assert repr(name) == f"'{name}'"
        assert not set(name) & set("<>\"'\\")
        assert name == " ".join(name.split())


def test_one_image_has_no_form(tmp_path: Path) -> None:
    case = stack({"geo": {"v": Profile("Geo")}})
    made = deliver("dockerspawner", case, offered(case, by="tag"))
    assert "# One image: everybody gets it. The form shows from two on." in made.text
    found = run("dockerpage.py", made.text, tmp_path)
    assert (found["form"], found["default"]) == ("", "ghcr.io/acme/hub/geo:v-abc123")


def test_no_image_at_all() -> None:
    empty = stack({"bench": {"v": None}})
    with pytest.raises(InputError, match="no image has a profile"):
        deliver("dockerspawner", empty, offered(empty))


def test_what_is_not_carried_over_is_told() -> None:
    for of, want in (
        (CAMPUS, ["geo-ml: environment, mem_limit", "wide: cpu_limit, uid"]),
        (NASTY, ["yes: the option resources", "typed: the unlisted choice"]),
        (stack({"a": {"v": Profile("A")}}), []),
    ):
        made = deliver("dockerspawner", of, offered(of, by="tag"))
        told = [note.removeprefix("not carried over to DockerSpawner: ") for note in made.notes]
        assert [line for line in told if not line.startswith("i")] == want
        assert [line.removeprefix("# - ") for line in made.text.splitlines() if "# - " in line] == (
            told
        )


@pytest.mark.real
@pytest.mark.parametrize("by", ["tag", "digest"])
def test_a_real_docker_pulls_it(by: str, tmp_path: Path) -> None:
    (tmp_path / "in.tar").write_bytes(b"\0" * 10240)
    with registry(tmp_path / "registry") as shelf, docker(tmp_path / "docker") as engine:
        name = f"{shelf.host}/hub/geo:v1-abc"
        engine("import", tmp_path / "in.tar", name)
        engine("push", name)
        digest = json.loads(engine("image", "inspect", name))[0]["RepoDigests"][0]
        engine("rmi", name)
        pulled = f"{name}@{digest.partition('@')[2]}" if by == "digest" else name
        listed: Any = {
            "display_name": "Geo",
            "slug": "geo",
            "kubespawner_override": {"image": pulled},
        }
        made = deliver("dockerspawner", CAMPUS, [Offer(listed, "geo", Position("f", 1))])
        for _ in range(2):
            found = run("dockerpull.py", made.text, tmp_path, dict(engine.env))
            assert found["image"] == pulled
            assert found["digests"] == [digest]
            assert found["started"] == found["id"]
