"""KubeSpawner itself renders the form, takes submissions and makes the pods."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from hubcases import CAMPUS, published, reference, stack
from writtenstack import published as written_published
from writtenstack import read

from stackyard.hub.profiles import profile_list
from stackyard.hub.published import Earlier
from stackyard.hub.texts import looks
from stackyard.hub.traits import TRAITS, fits
from stackyard.stack.values import Profile

HERE = Path(__file__).parent
VERSIONS = [
    pytest.param(["jupyterhub-kubespawner==7.0.0", "jupyterhub==5.5.0"], id="chart-4.4.0"),
    pytest.param(["jupyterhub-kubespawner"], id="newest"),
]


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


RICH = """\
profile_options:
  resources:
    display_name: Resources
    choices:
      small: {display_name: 2 GB, kubespawner_override: {mem_limit: 2G}}
      large: {display_name: "<8 GB>", default: true, kubespawner_override: {mem_limit: 8G}}
images:
  a:
    layers: base
    profile:
      display_name: "{{ '{{ 7 * 7 }}' }}<script>"
      previous_versions: 1
      kubespawner_override: {mem_limit: 1G, environment: {FROM: "{profile}"}}
      profile_options:
        image:
          unlisted_choice:
            display_name: 'Another "image"'
            validation_regex: ghcr[.]io/acme/.+
            validation_message: Of <acme>
            kubespawner_override:
              image: "{value}"
              environment: {TYPED: "{value}", JSON: '{"a": {}}'}
  b:
    layers: base
    variants: [py313]
    profile: {display_name: B, variants: profiles}
"""


def check_the_options(python: list[str], folder: Path) -> None:
    """Versions, resources and a typed image, each with what the others preselect."""
    rich = read(folder, RICH)
    old = Earlier("py311-aaaaaaaaaaaa", reference("a", "old"), None)
    profiles = profile_list(rich, written_published(rich, (old,)))
    found = run(python, "spawnpage.py", profiles)
    form = Form(found["form"])
    assert form.titles == ["{{ 7 * 7 }}<script>", "B (py313)"]
    assert "{{" not in found["form"].partition("<script>")[0]
    assert [(o["value"], "selected" in o) for o in form.options] == [
        ("py311", True),
        ("py313", False),
        ("py311-aaaaaaaaaaaa", False),
        ("unlisted-choice", False),
        ("small", False),
        ("large", True),
        ("small", False),
        ("large", True),
    ]
    typed = next(i for i in form.inputs if "pattern" in i)
    assert (typed["pattern"], typed["title"]) == ("^(?:ghcr[.]io/acme/.+)$", "Of <acme>")
    image = {v: written_published(rich)[i].reference for i, v in enumerate(["py311", "py313"])}
    told = [(pod["image"], pod["resources"]["limits"]["memory"] >> 30) for pod in found["pods"]]
    assert told == [
        (image["py311"], 8),
        (image["py313"], 8),
        (old.reference, 8),
        (image["py311"], 2),
        (image["py311"], 8),
        ("ghcr.io/acme/typed:1", 8),
        (written_published(rich)[2].reference, 2),
        (written_published(rich)[2].reference, 8),
        (image["py311"], 8),
    ]
    typed_env = found["pods"][5]["env"]
    assert typed_env["TYPED"] == "ghcr.io/acme/typed:1"
    assert (typed_env["JSON"], typed_env["FROM"]) == ('{"a": {}}', "{profile}")


def check_any_text(python: list[str]) -> None:
    """Names of all sorts, shown just as they are written."""
    chance = random.Random(5)  # noqa: S311 - the same names each time
    pieces = ["<", ">", "&", '"', "'", "{{", "}}", "{%", "%}", "{#", "#}", "${", "\\", "/", "-->"]
    pieces += ["&amp;", "</h3>", "<script>", "é", "€", "😀", "a", "Z", " ", "`", "\u202e", "\u2028"]
    names = {"".join(chance.choices(pieces, k=chance.randint(1, 12))).strip() for _ in range(300)}
    alike = {looks(name): " ".join(name.split()) for name in names}
    names = {name for seen, name in alike.items() if seen}
    of = stack({f"i{n}": {"v": Profile(name, name)} for n, name in enumerate(sorted(names))})
    found = run(python, "spawnpage.py", profile_list(of, published(of)))
    form = Form(found["form"])
    assert len(names) > 250
    assert form.titles == sorted(names)
    assert form.tags <= {"style", "div", "label", "input", "h3", "p", "script"}


def check_the_traits(python: list[str]) -> None:
    """Every trait is known, and takes exactly the values that the table says.

    But true, which traitlets takes for the number 1, is no number in a profile.
    """
    answers = run(python, "traitvalues.py", sorted(TRAITS))
    assert not answers["unknown"]
    for name, tried in answers["tried"].items():
        assert tried
        for value, taken in tried:
            if value is True and fits(TRAITS[name], 1):
                continue
            assert fits(TRAITS[name], value) == taken, (name, value, taken)


def test_the_spawn_page() -> None:
    check_the_spawn_page([sys.executable])


def test_the_options(tmp_path: Path) -> None:
    check_the_options([sys.executable], tmp_path)


def test_any_text() -> None:
    check_any_text([sys.executable])


def test_the_traits() -> None:
    check_the_traits([sys.executable])


@pytest.mark.real
@pytest.mark.parametrize("packages", VERSIONS)
def test_the_spawn_page_of_other_versions(packages: list[str]) -> None:
    check_the_spawn_page(uv_run(packages))


@pytest.mark.real
@pytest.mark.parametrize("packages", VERSIONS)
def test_the_options_of_other_versions(packages: list[str], tmp_path: Path) -> None:
    check_the_options(uv_run(packages), tmp_path)


@pytest.mark.real
@pytest.mark.parametrize("packages", VERSIONS)
def test_the_traits_of_other_versions(packages: list[str]) -> None:
    check_the_traits(uv_run(packages))


@pytest.mark.real
@pytest.mark.parametrize(
    ("packages", "checked"),
    [(VERSIONS[0].values[0], ["a"]), (["jupyterhub-kubespawner==7.1.0"], [])],
    ids=["7.0.0", "7.1.0"],
)
def test_what_a_loss_means_for_those_who_chose_it(packages: list[str], checked: list[str]) -> None:
    """As `hub.compare.meaning` tells users."""
    found = run(uv_run(packages), "savedchoice.py")
    assert found == {"checked": checked, "starts": ["ValueError", "KeyError"]}
