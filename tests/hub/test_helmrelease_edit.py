"""The edit of a HelmRelease: just what is meant, and every other byte as it was."""

from __future__ import annotations

import copy
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from releases import ADDED, HEAD, Written, releases

from stackyard.errors import InputError
from stackyard.hub.delivery.shape import Settings
from stackyard.hub.release.edit import edited, release_in
from stackyard.hub.release.findings import findings
from stackyard.hub.release.unified import unified

ENTRY = {"kind": "ConfigMap", "name": "stackyard-profiles", "valuesKey": "values.yaml"}
SPEC = "spec:\n  interval: 10m\n  timeout: 1h\n"


def edit(text: str, **asked: Any) -> str:
    wanted = Settings(**asked)
    made = edited(text, release_in(text, "hub.yaml"), wanted)
    again = release_in(made, "hub.yaml")
    assert not [found for found in findings(again, wanted) if found.mended]
    assert edited(made, again, wanted) == made
    return made


def loaded(text: str) -> list[Any]:
    return list(yaml.safe_load_all(text))


def meant(text: str) -> list[Any]:
    """What the file shall say, worked out on values."""
    documents = copy.deepcopy(loaded(text))
    spec = documents[0]["spec"]
    values = spec["values"]
    del values["singleuser"]["profileList"]
    if not values["singleuser"]:
        del values["singleuser"]
    if not values:
        del spec["values"]
    spec["timeout"] = "30m"
    spec["valuesFrom"] = [ENTRY]
    return documents


@settings(max_examples=300, deadline=None)
@given(releases())
def test_just_what_is_meant(written: Written) -> None:
    made = edit(written.text)
    assert loaded(made) == meant(written.text)
    lines = made.replace("\r\n", "\n").split("\n")
    if lines[-1] == "":
        lines.pop()
    left = list(lines)
    for line in ADDED:
        left.remove(line)
    if left != written.kept:  # comments that would have become text moved to the left
        assert [line.lstrip() for line in left] == [line.lstrip() for line in written.kept]
        assert all(line.lstrip().startswith("#") for line in set(left) - set(written.kept))
    assert made.count("\r") == (made.count("\n") if "\r" in written.text else 0)


def test_comments_and_blank_lines() -> None:
    text = (
        HEAD
        + SPEC
        + """\

  # where values come from
  valuesFrom:
  - kind: Secret   # first
    name: tls
    # in the entry

  # what is our own
  values:
    singleuser: # users
      # before the list

      profileList:   # the list
        - slug: a
        # - slug: commented-out

      # after the list
      memory: {limit: 1G}   # stays
"""
    )
    assert edit(text) == (
        HEAD
        + SPEC
        + """\

  # where values come from
  valuesFrom:
  - kind: Secret   # first
    name: tls
    # in the entry
  - kind: ConfigMap
    name: stackyard-profiles
    valuesKey: values.yaml

  # what is our own
  values:
    singleuser: # users
      # before the list


      # after the list
      memory: {limit: 1G}   # stays
"""
    )


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("  timeout: 5m # short\n", "  timeout: 30m # short\n"),
        ('  timeout: "5m"\n', '  timeout: "30m"\n'),
        ("  timeout:\n", "  timeout: 30m\n"),
        ("  timeout: 90\n", "  timeout: 30m\n"),
        ("  timeout: 1h\n", "  timeout: 1h\n"),
        ("  timeout: 29m59s\n", "  timeout: 30m\n"),
        (
            "  timeout: 1h\n  upgrade: {timeout: 5m, force: false}\n",
            None,
        ),
        (
            "  timeout: 1h\n  upgrade:\n    timeout: 5m\n  install:\n    timeout: 45m\n",
            "  timeout: 1h\n  upgrade:\n    timeout: 30m\n  install:\n    timeout: 45m\n",
        ),
        ("  install: {timeout: 1h}\n  upgrade: {timeout: 1h}\n", "same"),
        ("  values: {prePuller: {hook: {enabled: false}}}\n", "same"),
    ],
)
def test_timeouts(before: str, after: str | None) -> None:
    entry = "  valuesFrom:\n    - {kind: ConfigMap, name: stackyard-profiles}\n"
    text = f"{HEAD}spec:\n  interval: 10m\n{entry}{before}"
    if after is None:
        with pytest.raises(InputError, match="upgrade is written in braces"):
            edit(text)
        return
    expected = before if after == "same" else after
    assert edit(text) == f"{HEAD}spec:\n  interval: 10m\n{entry}{expected}"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("  valuesFrom: [] # none\n", "  valuesFrom: # none\n    - kind: ConfigMap\n"),
        ("  valuesFrom:\n", "  valuesFrom:\n    - kind: ConfigMap\n"),
        ("  valuesFrom: ~\n", "  valuesFrom:\n    - kind: ConfigMap\n"),
        (
            "  valuesFrom: [{kind: Secret, name: a}] # one\n",
            "  valuesFrom: [{kind: Secret, name: a}, {kind: ConfigMap, name: stackyard-profiles, "
            "valuesKey: values.yaml}] # one\n",
        ),
        (
            "  valuesFrom:\n    - kind: ConfigMap\n      name: stackyard-profiles\n"
            "      valuesKey: 'old.yaml' # key\n",
            "  valuesFrom:\n    - kind: ConfigMap\n      name: stackyard-profiles\n"
            "      valuesKey: 'values.yaml' # key\n",
        ),
        (
            "  valuesFrom:\n    - kind: ConfigMap\n      name: stackyard-profiles-2fbk5dhmtc\n",
            "  valuesFrom:\n    - kind: ConfigMap\n      name: stackyard-profiles-2fbk5dhmtc\n",
        ),
        (
            "  valuesFrom:\n    - kind: ConfigMap\n      name: stackyard-profiles-production\n",
            "      name: stackyard-profiles-production\n    - kind: ConfigMap\n"
            "      name: stackyard-profiles\n",
        ),
    ],
)
def test_where_values_come_from(before: str, after: str) -> None:
    assert after in edit(HEAD + SPEC + before)
    without_end = (HEAD + SPEC + before).rstrip("\n")
    assert not edit(without_end).endswith("\n")


LIST = "      profileList:\n        - slug: a\n"
TAKEN = {
    "braces": "  values: {singleuser: {profileList: [{slug: a}]}}\n",
    "inner braces": "  values:\n    singleuser: {profileList: [{slug: a}], memory: 1}\n",
    "merged": "  values:\n    singleuser:\n      <<: {profileList: [{slug: a}]}\n",
    "an alias": "  values:\n    x: &x\n      profileList: []\n    singleuser: *x\n",
    "used elsewhere": f"  values:\n    singleuser:\n{LIST.replace('- slug', '- &a slug')}"
    "    again: *a\n".replace("&a slug: a", "&a {slug: a}"),
    "the list used elsewhere": "  values:\n    singleuser:\n      profileList: &l [{slug: a}]\n"
    "    again: *l\n",
    "the mapping used elsewhere": f"  values:\n    singleuser: &s\n{LIST}    again: *s\n",
    "an explicit key": "  values:\n    singleuser:\n      ? profileList\n      : - slug: a\n",
}


@pytest.mark.parametrize("case", TAKEN)
def test_what_cannot_be_edited_is_left(case: str) -> None:
    text = HEAD + SPEC + TAKEN[case]
    release = release_in(text, "hub.yaml")
    assert any("lists replace each other" in f.message for f in findings(release, Settings()))
    with pytest.raises(InputError, match="editing the HelmRelease: "):
        edited(text, release, Settings())


def test_json_is_left() -> None:
    text = '{"apiVersion": "helm.toolkit.fluxcd.io/v2", "kind": "HelmRelease", "spec": {"a": 1}}'
    with pytest.raises(InputError, match="spec is written in braces"):
        edited(text, release_in(text, "hub.json"), Settings())


def test_an_anchor_used_only_inside_goes_with_it() -> None:
    text = (
        f"{HEAD}{SPEC}  values:\n    a: &kept 1\n    singleuser:\n      profileList:\n"
        "        - &x {slug: a, n: *kept}\n        - *x\n"
    )
    assert "    a: &kept 1\n" in edit(text)
    assert "singleuser" not in edit(text)


def test_a_list_of_objects_and_a_mark() -> None:
    text = "".join(
        f"{'- ' if n == 0 else '  '}{line}\n"
        for n, line in enumerate(f"{HEAD}{SPEC}  values:\n    singleuser:\n{LIST}".splitlines())
    )
    made = edit("\ufeffkind: List\nitems:\n" + text)
    assert made.startswith("\ufeffkind: List")
    assert "profileList" not in made


def test_the_difference_is_a_patch(tmp_path: Path) -> None:
    text = f'{HEAD}{SPEC}  values:\n    singleuser:\n{LIST}    x: "a\u2028b"'
    text = text.replace("\n", "\r\n")
    made = edit(text)
    path = tmp_path / "hub.yaml"
    path.write_bytes(text.encode())
    (tmp_path / "it.patch").write_bytes(unified(text, made, "hub.yaml").encode())
    subprocess.run(["git", "apply", "it.patch"], cwd=tmp_path, check=True)
    assert path.read_bytes() == made.encode()


def test_blank_lines_after_a_text() -> None:
    entry = "  valuesFrom:\n  - {kind: ConfigMap, name: stackyard-profiles}\n"
    text = f"{HEAD}{SPEC}{entry}  values:\n    singleuser:\n      profileList:\n"
    listed = "      - slug: a\n        description: |\n          x\n\n\n    hub: {}\n"
    assert edit(text + listed) == f"{HEAD}{SPEC}{entry}  values:\n\n\n    hub: {{}}\n"
    kept = "      - slug: a\n        description: |+\n          x\n\n\n    hub: {}\n"
    assert edit(text + kept) == f"{HEAD}{SPEC}{entry}  values:\n    hub: {{}}\n"
    behind = f"{HEAD}spec:\n{entry}  chart:\n    note: |+\n      x\n\n\n  interval: 1m\n"
    assert "\n\n\n  interval: 1m\n  timeout: 30m\n" in edit(behind)
