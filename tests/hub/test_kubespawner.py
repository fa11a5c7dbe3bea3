"""KubeSpawner itself renders the form, takes submissions and makes the pods."""

from __future__ import annotations

import json
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from hubcases import CAMPUS, published, reference

from stackyard.hub.profiles import profile_list
from stackyard.hub.traits import TRAITS, fits

HERE = Path(__file__).parent
VERSIONS = [
    pytest.param(["jupyterhub-kubespawner==7.0.0", "jupyterhub==5.5.0"], id="chart-4.4.0"),
    pytest.param(["jupyterhub-kubespawner"], id="newest"),
]

NARROW = {"slug_scheme", "poll_jitter"}  # take only some of their type's values


def uv_run(packages: list[str]) -> list[str]:
    wanted = [f"--with={package}" for package in packages]
    python = ["--no-project", "--isolated", "--python", sys.executable, *wanted, "python"]
    return [sys.executable, "-m", "uv", "run", "--quiet", *python]


def run(python: list[str], program: str, given: Any = None) -> Any:
    done = subprocess.run(
        [*python, str(HERE / program)],
        input=json.dumps(given),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


class Form(HTMLParser):
    """The form as a browser would read it."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.inputs: list[dict[str, str | None]] = []
        self.options: list[dict[str, str | None]] = []
        self.titles: list[str] = []
        self.tags: set[str] = set()
        self._in_title = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self._in_title = tag == "h3"
        if tag == "h3":
            self.titles.append("")
        if tag == "input":
            self.inputs.append(dict(attrs))
        if tag == "option":
            self.options.append(dict(attrs))

    def handle_endtag(self, tag: str) -> None:
        self._in_title = False

    def handle_data(self, data: str) -> None:
        if self._in_title:
            self.titles[-1] += data


def check_the_spawn_page(python: list[str]) -> None:
    found = run(python, "spawnpage.py", profile_list(CAMPUS, published(CAMPUS)))
    form = Form(found["form"])
    assert form.titles == ["Default environment", "Geo & <b>ML</b>", "Wide 3.11"]
    assert "b" not in form.tags
    assert [i["value"] for i in form.inputs] == ["default", "geo-ml", "wide"]
    assert [i["value"] for i in form.inputs if "checked" in i] == ["geo-ml"]
    assert len(form.options) == 4
    assert [pod["image"] for pod in found["pods"]] == [
        reference("default", "py311"),
        reference("default", "py313"),
        reference("geo-ml", "py313"),
        reference("wide", "py311"),
        reference("wide", "Py_3.13"),
        reference("geo-ml", "py313"),
    ]
    geo = found["pods"][2]
    assert {"JSON": '{"a": 1}', "PLAIN": "x", "HUB": "campus"}.items() <= geo["env"].items()
    assert geo["resources"]["limits"] == {"memory": 8 << 30}
    assert [pod["resources"]["limits"].get("cpu") for pod in found["pods"][3:5]] == [2, 4]


def check_the_traits(python: list[str]) -> None:
    """Every trait is known, and takes exactly the values that the table says.

    But true, which traitlets takes for the number 1, is no number in a profile.
    """
    answers = run(python, "traitvalues.py", sorted(set(TRAITS) - NARROW))
    assert not answers["unknown"]
    for name, tried in answers["tried"].items():
        assert tried
        for value, taken in tried:
            if value is True and fits(TRAITS[name], 1):
                continue
            assert fits(TRAITS[name], value) == taken, (name, value, taken)


def test_the_spawn_page() -> None:
    check_the_spawn_page([sys.executable])


def test_the_traits() -> None:
    check_the_traits([sys.executable])


@pytest.mark.real
@pytest.mark.parametrize("packages", VERSIONS)
def test_the_spawn_page_of_other_versions(packages: list[str]) -> None:
    check_the_spawn_page(uv_run(packages))


@pytest.mark.real
@pytest.mark.parametrize("packages", VERSIONS)
def test_the_traits_of_other_versions(packages: list[str]) -> None:
    check_the_traits(uv_run(packages))
