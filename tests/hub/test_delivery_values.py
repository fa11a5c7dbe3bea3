"""Values for the chart: read back, checked by its schema, and by Helm where it is at hand."""

from __future__ import annotations

import base64
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import writtenstack
from deliverycases import NASTY, chart_problems, offered, read, the_list
from hubcases import CAMPUS, published, reference, stack
from hypothesis import given, settings
from hypothesis import strategies as st

from stackyard.errors import InputError, Position
from stackyard.hub.delivery.formats import deliver
from stackyard.hub.delivery.shape import Settings
from stackyard.hub.profiles import Offer, offers
from stackyard.hub.published import Earlier, Published
from stackyard.stack.values import Profile

SECRETS = Settings(pull_secrets=("registry", "mirror", "registry"))
HELM = shutil.which("helm")


def values(format_name: str, of: Any = NASTY, asked: Settings | None = None) -> Any:
    return read(deliver(format_name, of, offered(of), asked).text)


@pytest.mark.parametrize("format_name", ["values", "argocd"])
@pytest.mark.parametrize("of", [CAMPUS, NASTY], ids=["campus", "nasty"])
def test_the_list_and_nothing_else(format_name: str, of: Any) -> None:
    document = values(format_name, of)
    assert document == {"singleuser": {"profileList": the_list(of)}}
    assert chart_problems(document) == []


def test_the_schema_finds_what_is_wrong() -> None:
    document = values("values") | {"singleusr": {}}
    document["singleuser"]["profilelist"] = []
    assert len(chart_problems(document)) == 2
    assert chart_problems({"prePuller": {"extraImages": {"a": {"name": "x", "tag": 1}}}})


@pytest.mark.parametrize("format_name", ["values", "argocd", "prepuller"])
def test_pull_secrets_are_the_charts_own(format_name: str) -> None:
    document = values(format_name, asked=SECRETS)
    assert document["imagePullSecrets"] == [{"name": "registry"}, {"name": "mirror"}]
    assert chart_problems(document) == []


def test_by_tag() -> None:
    text = deliver("values", CAMPUS, offered(CAMPUS, by="tag")).text
    assert read(text) == {"singleuser": {"profileList": the_list(CAMPUS, by="tag")}}
    assert "sha256" not in text


def test_no_profiles() -> None:
    empty = stack({"bench": {"v": None}})
    for format_name in ("values", "argocd"):
        assert values(format_name, empty) == {"singleuser": {"profileList": []}}
    assert values("prepuller", empty) == {"prePuller": {"extraImages": {}}}


def test_comments_say_which_key_comes_from_where() -> None:
    lines = deliver("values", CAMPUS, offered(CAMPUS)).text.splitlines()
    at = lines.index("    # stackyard.yaml:4, images.wide.profile")
    assert lines[at + 1] == '    - display_name: "Wide 3.11"'
    assert "            py311:  # variant py311" in lines
    assert "            py-3-13-a7b0d945:  # variant Py_3.13" in lines
    before = {"py311": (Earlier("py311-abc", "r/default:py311-abc"),)}
    entries = [
        Published(e.image, e.variant, e.reference, before.get(e.variant, ()))
        for e in published(CAMPUS)
    ]
    text = deliver("values", CAMPUS, offers(CAMPUS, entries)).text
    assert "            py311-abc:  # a version published before" in text.splitlines()


WRITTEN = """\
images:
  geo:
    layers: [base]
    variants: [py311]
    profile:
      display_name: Geo
      profile_options:
        resources:
          display_name: Resources
          choices: {large: {display_name: Large, kubespawner_override: {mem_limit: 8G}}}
"""


def test_places_are_those_of_the_file(tmp_path: Path) -> None:
    case = writtenstack.read(tmp_path, WRITTEN)
    text = deliver("values", case, offers(case, writtenstack.published(case))).text
    assert "    # stackyard.yaml:8, images.geo.profile" in text.splitlines()
    assert "        resources:  # stackyard.yaml:11" in text.splitlines()
    assert str(tmp_path) not in text


def test_nothing_breaks_out_of_a_comment() -> None:
    text = "x\n- evil: true\r\u2028\u0085\u2029# y"
    image = {"image": "r/a:v"}
    profile: dict[str, Any] = {"display_name": "A", "slug": "a", "kubespawner_override": image}
    for format_name in ("values", "argocd", "configmap", "flux", "prepuller", "kustomize"):
        made = deliver(format_name, CAMPUS, [Offer(profile, text, Position(text, 1))])
        assert "evil" in "".join(made.files.values())
        for file in made.files.values():
            assert "evil" not in str(read(re.sub("values.yaml: \\|", "values.yaml:", file)))


ANY = st.text(st.characters(exclude_categories=["Cs"]), min_size=1)


@settings(deadline=None)
@given(ANY, ANY, st.floats(min_value=0, allow_infinity=False))
def test_any_text_survives_every_reader(name: str, value: str, number: float) -> None:
    override = {"environment": {value: name}, "cpu_limit": number}
    profile: dict[str, Any] = {
        "display_name": name,
        "slug": value,
        "kubespawner_override": override,
        "profile_options": {value: {"display_name": name, "choices": {name: {}}}},
    }
    offer = Offer(profile, name, Position(value, 3))
    want = {"singleuser": {"profileList": [profile]}}
    assert read(deliver("values", CAMPUS, [offer]).text) == want
    held = read(deliver("configmap", CAMPUS, [offer]).text)["data"]["values.yaml"]
    assert read(held) == want


@pytest.mark.parametrize("word", ["yes", "on", "~", "1e3", "0o17", "12:30:45", "2024.1", "null"])
def test_words_that_other_readers_take_for_something_else_are_quoted(word: str) -> None:
    case = stack({"a": {"v": Profile(word, kubespawner_override={"extra_labels": {word: word}})}})
    text = deliver("values", case, offered(case)).text
    assert f'"{word}": "{word}"' in text
    assert f'display_name: "{word}"' in text


@pytest.mark.parametrize("secret", ["A", "a_b", "a\nb", "", "-a", "a" * 254, "a/b"])
def test_names_of_secrets_that_kubernetes_refuses(secret: str) -> None:
    with pytest.raises(InputError, match=r"pull secret's name .* Kubernetes"):
        Settings(pull_secrets=("good", secret))


def test_the_bare_list() -> None:
    made = deliver("json", NASTY, offered(NASTY))
    assert json.loads(made.text) == the_list(NASTY)


CHART = {
    "Chart.yaml": "apiVersion: v2\nname: hub\nversion: 1.0.0\n",
    "values.yaml": "singleuser: {profileList: [], image: {name: a, tag: b}}\nprePuller: {}\n",
    "templates/all.yaml": "values: {{ .Values | toJson | b64enc }}\n",
}


@pytest.mark.real
@pytest.mark.skipif(HELM is None, reason="helm is not installed")
@pytest.mark.parametrize("format_name", ["values", "argocd", "prepuller"])
def test_helm_merges_the_file(format_name: str, tmp_path: Path) -> None:
    for name, text in CHART.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    own, ours = tmp_path / "own.yaml", tmp_path / "ours.yaml"
    own.write_text("singleuser: {profileList: [{display_name: Own}], startTimeout: 600}\n")
    ours.write_text(deliver(format_name, NASTY, offered(NASTY), SECRETS).text)
    words = [str(HELM), "template", "hub", str(tmp_path), "-f", str(own), "-f", str(ours)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    merged = json.loads(base64.b64decode(read(done.stdout)["values"]))
    given = read(ours.read_text())
    assert merged["singleuser"]["startTimeout"] == 600
    assert merged["imagePullSecrets"] == given["imagePullSecrets"]
    for part in ("singleuser", "prePuller"):
        assert given.get(part, {}).items() <= merged[part].items()


def test_references_are_written_whole() -> None:
    text = deliver("values", CAMPUS, offered(CAMPUS)).text
    assert f'image: "{reference("geo-ml", "py313")}"' in text
