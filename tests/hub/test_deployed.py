"""A hub's profile list, read out of whatever an administrator has of it."""

from __future__ import annotations

import base64
import io
import json
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kubespawner import KubeSpawner

from stackyard.errors import InputError
from stackyard.hub.compare.seen import seen
from stackyard.hub.deployed.read import find_list, read_list
from stackyard.hub.deployed.slugs import slug_of
from stackyard.hub.documents.yamlreader import parse
from stackyard.hub.documents.yamltree import value

PROFILES = [
    {
        "display_name": "Default environment",
        "slug": "default",
        "default": True,
        "kubespawner_override": {"mem_limit": "8G", "image": "ghcr.io/acme/hub/default:1"},
    },
    {"display_name": "Geo &amp; ML", "slug": "geo-ml"},
]
# What --format values writes.
VALUES = """\
# Written by `stackyard profiles`: change the stack file, not this one.
#
# The profile list of stackyard.yaml.
singleuser:
  profileList:
    # stackyard.yaml:12, images.default.profile
    - display_name: "Default environment"
      slug: "default"
      default: true
      kubespawner_override:
        mem_limit: "8G"
        image: "ghcr.io/acme/hub/default:1"
    # stackyard.yaml:20, images.geo-ml.profile
    - display_name: "Geo &amp; ML"
      slug: "geo-ml"
imagePullSecrets:
  - name: "pull"
"""


def within(head: str, text: str, indent: int) -> str:
    return head + textwrap.indent(text, " " * indent)


CONFIGMAP = within(
    """\
# The hub's HelmRelease, in the namespace jupyterhub too, takes it so:
apiVersion: "v1"
kind: "ConfigMap"
metadata:
  name: "stackyard-profiles"
  namespace: "jupyterhub"
  labels:
    reconcile.fluxcd.io/watch: "Enabled"
data:
  values.yaml: |
""",
    VALUES,
    4,
)
FETCHED = {  # by `kubectl get configmap -o json`
    "apiVersion": "v1",
    "kind": "ConfigMap",
    "metadata": {
        "name": "stackyard-profiles",
        "namespace": "jupyterhub",
        "annotations": {"kubectl.kubernetes.io/last-applied-configuration": CONFIGMAP},
        "uid": "1",
    },
    "data": {"hub.yaml": VALUES},
}
SECRET = {
    "apiVersion": "v1",
    "kind": "Secret",
    "metadata": {"name": "hub"},
    "data": {"values.yaml": base64.b64encode(VALUES.encode()).decode(), "other": "/w=="},
}
RELEASE = within(
    """\
apiVersion: source.toolkit.fluxcd.io/v1
kind: HelmRepository
metadata: {name: jupyterhub}
---
apiVersion: helm.toolkit.fluxcd.io/v2
kind: HelmRelease
metadata: {name: hub, namespace: jupyterhub}
spec:
  values:
""",
    VALUES,
    4,
)
APPLICATION = {
    "kind": "Application",
    "metadata": {"name": "hub"},
    "spec": {"sources": [{"helm": {"values": VALUES}}, {"ref": "values"}]},
}
PYTHON = f"""\
# Written by `stackyard profiles`: change the stack file, not this one.

c.KubeSpawner.profile_list = {PROFILES!r}
c.KubeSpawner.image_pull_secrets = ["pull"]
"""
FORMS = {
    "values": VALUES,
    "windows": VALUES.replace("\n", "\r\n"),
    "with a mark": "\ufeff" + VALUES,
    "configmap": CONFIGMAP,
    "kubectl json": json.dumps(FETCHED),
    "kubectl list": json.dumps({"kind": "List", "items": [{"kind": "Pod"}, FETCHED]}),
    "kubectl secret": json.dumps(SECRET),
    "helm get values": "USER-SUPPLIED VALUES:\n" + VALUES,
    "helm get values --all": "COMPUTED VALUES:\nhub: {db: {type: sqlite-pvc}}\n" + VALUES,
    "helm get values -o json": json.dumps({"singleuser": {"profileList": PROFILES}}),
    "helmrelease": RELEASE,
    "argo": json.dumps(APPLICATION),
    "json": json.dumps(PROFILES, indent=2),
    "bare": json.dumps({"profiles": PROFILES}).removeprefix('{"profiles": ').removesuffix("}"),
    "umbrella": within("basehub:\n  jupyterhub:\n", VALUES, 4),
    "hub.config": json.dumps({"hub": {"config": {"KubeSpawner": {"profile_list": PROFILES}}}}),
    "mapping": json.dumps({"singleuser": {"profileList": {"b": PROFILES[1], "a": PROFILES[0]}}}),
    "anchors": within("x: &all\n", VALUES, 2) + "<<: *all\n",
    "two documents alike": VALUES + "---\n" + CONFIGMAP,
    "python": PYTHON,
    "python by name": f"given = {PROFILES!r}\nc.KubeSpawner.profile_list = given\n",
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_gives_the_list(form: str) -> None:
    assert list(find_list(FORMS[form], "hub.yaml").profiles) == PROFILES


def test_where_it_was_found() -> None:
    found = find_list(CONFIGMAP, "cm.yaml")
    assert found.what == (
        "ConfigMap jupyterhub/stackyard-profiles, key values.yaml, singleuser.profileList"
    )
    line = CONFIGMAP.splitlines()[found.where.line - 1]
    assert line.strip().startswith('- display_name: "Default')


def test_dockerspawners_images() -> None:
    text = (
        'c.DockerSpawner.allowed_images = {"A": "x:1", "B": "x:2"}\nc.DockerSpawner.image = "x:2"'
    )
    found = find_list(text, "jupyterhub_config.py")
    assert found.kind == "dockerspawner"
    assert [p["display_name"] for p in found.profiles] == ["A", "B"]
    assert seen(found.profiles).default == "B"
    listed = find_list('c.DockerSpawner.allowed_images = ["x:1", "x:2"]', "c.py")
    assert [p["slug"] for p in listed.profiles] == ["x:1", "x:2"]


def test_python_is_never_run(tmp_path: Path) -> None:
    victim = tmp_path / "ran"
    path = tmp_path / "jupyterhub_config.py"
    path.write_text(f"open({str(victim)!r}, 'w')\nc.KubeSpawner.profile_list = [{{'slug': 'a'}}]\n")
    assert [p["slug"] for p in read_list(path).profiles] == ["a"]
    assert not victim.exists()


def test_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(VALUES.encode())))
    assert list(read_list(Path("-")).profiles) == PROFILES


def test_no_list_yet() -> None:
    assert read_list(Path("/dev/null")).profiles == ()
    assert find_list("singleuser: {profileList: []}", "x").profiles == ()
    assert find_list("[]", "x").profiles == ()


BOMB = "".join(
    f"{name}: &{name} [{', '.join([f'*{of}'] * 10 if of else ['x'] * 10)}]\n"
    for name, of in zip("abcdefgh", ["", *"abcdefg"], strict=True)
)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "found: nothing"),
        ("# only a comment\n", "found: nothing"),
        ("hello", "found: a text"),
        ("kind: Deployment\n", "found: a Deployment"),
        ("singleuser: {memory: 1}", "a mapping with singleuser"),
        ("singleuser: {profileList: yes please}", "a single value, and a list"),
        ("singleuser: {profileList: [1]}", "entry 1 is no mapping"),
        ("singleuser: {profileList: [{slug: a}, {a: b}]}", "entry 2 has no display_name"),
        (CONFIGMAP + "---\n" + VALUES.replace("Default", "Other"), "there are 2: ConfigMap"),
        ("a: [\n", "not valid YAML"),
        ("a: 1\na: 2\n", "the key 'a' is here twice; first in line 1"),
        ("a: !!python/object/apply:os.system [x]", "is not one of YAML's own"),
        ("- !vault |\n  secret", "is not one of YAML's own"),
        (BOMB, "values, aliases written out"),
        ("[" * 5000, "not valid YAML"),
        ("[" * 100 + "]" * 100, "levels deep"),
        ("a: \x1b[31m", "control characters are not allowed"),
        ("data:\n  x: 1\nkind: ConfigMap\n", "found: a ConfigMap"),
        ("kind: ConfigMap\ndata:\n  v: 'profileList: ['\n", "in its line 1 (ConfigMap, key v)"),
        ("c.KubeSpawner.profile_list = [\n", "not valid Python"),
        ("c.KubeSpawner.profile_list = make()\n", "is computed when the hub starts"),
        (
            "c.KubeSpawner.profile_list = []\nc.KubeSpawner.profile_list += [x]\n",
            "is changed after",
        ),
        (
            "c.KubeSpawner.profile_list = []\nc.KubeSpawner.profile_list.append(1)",
            "is changed after",
        ),
        ("c.X.profile_list = [{'slug': 'a'}]\nc.Y.profile_list = [{'slug': 'b'}]", "there are 2"),
        ("c.DockerSpawner.allowed_images = '*'\n", "neither a list of images"),
    ],
)
def test_what_is_no_list_is_told(text: str, told: str) -> None:
    with pytest.raises(InputError) as caught:
        find_list(text, "hub.yaml")
    assert told in str(caught.value)
    assert caught.value.where
    assert caught.value.where.file == "hub.yaml"


def test_no_steering_of_terminals() -> None:
    with pytest.raises(InputError) as caught:
        find_list('kind: "\\e[31mred"\n"\\e]0;x\\a": 1', "hub.yaml")
    assert "\x1b" not in str(caught.value)
    text = 'kind: ConfigMap\nmetadata: {name: "\\e[2J"}\ndata:\n  "\\e[1m": "profileList: ["'
    with pytest.raises(InputError) as caught:
        find_list(text, "hub.yaml")
    assert "\x1b" not in str(caught.value)


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no such file"):
        read_list(tmp_path / "none.yaml")
    with pytest.raises(InputError, match="it is a folder"):
        read_list(tmp_path)
    (tmp_path / "latin").write_bytes(b"a: b\nc: \xe9\n")
    with pytest.raises(InputError, match=r"latin:2: .*not UTF-8"):
        read_list(tmp_path / "latin")
    (tmp_path / "large").write_bytes(b"#" * (9 << 20))
    with pytest.raises(InputError, match="larger than"):
        read_list(tmp_path / "large")


@pytest.mark.parametrize(
    "name", ["Geo &amp; ML", "Größe/Ünïcode", "日本語", "a--b_c.d", "  ", "R &lt;b&gt;", "1,000 x"]
)
def test_slugs_are_kubespawners(name: str) -> None:
    made = KubeSpawner._get_initialized_profile_list(None, [{"display_name": name}])
    assert slug_of(name) == made[0]["slug"]


def test_the_mapping_is_sorted_as_kubespawner_does() -> None:
    given = {"b": {"slug": "one"}, "a": {"slug": "two"}, "C": {"slug": "three"}}
    read = find_list(json.dumps({"singleuser": {"profileList": given}}), "x").profiles
    assert list(read) == KubeSpawner._sorted_dict_values(None, given)


def test_defaults_are_kubespawners() -> None:
    profiles: list[dict[str, Any]] = [
        {
            "display_name": f"P {number}",
            "profile_options": {"o": {"choices": {"x": {}, "y": {"default": number == 1}}}},
        }
        for number in range(2)
    ]
    initial = KubeSpawner._get_initialized_profile_list(None, profiles)
    ours = seen(profiles)
    assert [ours.default] == [p["slug"] for p in initial if p.get("default")]
    for profile in initial:
        choices = profile["profile_options"]["o"]["choices"]
        (default,) = [key for key, choice in choices.items() if choice.get("default")]
        assert ours.profiles[profile["slug"]].options["o"].default == default


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(JSON, st.booleans())
def test_json_is_read_as_json(document: Any, ascii_only: bool) -> None:
    written = {"display_name": "A", "more": document}
    text = json.dumps([written], ensure_ascii=ascii_only)
    assert find_list(text, "x").profiles == (written,)


def test_json_that_is_no_yaml() -> None:
    written = {"display_name": "\u2028\x85\x7f\U0001f40d", "k" * 2000: "\x85", "\u2028": 1}
    assert find_list(json.dumps([written], ensure_ascii=False), "x").profiles == (written,)
    with pytest.raises(InputError, match="the key 'a' is there twice"):
        find_list('[{"a": 1, "a": 2}]', "x")


def test_scalars_are_helms() -> None:
    text = "[on, No, 010, 0x1F, 1_000, 12:30:45, 2024-01-01, 2024.1, 1e3, ~, '8', +.5, 08, .inf]"
    (document,) = parse(text, "x", "reading").documents
    assert value(document) == [
        *(True, False, 8, 31, 1000, "12:30:45", "2024-01-01"),
        *(2024.1, 1000.0, None, "8", 0.5, "08", ".inf"),
    ]
