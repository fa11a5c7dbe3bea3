"""The deliveries: read back as a cluster's tools would."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hubcases import CAMPUS, published, reference, stack
from hypothesis import given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from stackyard.errors import InputError
from stackyard.hub.deliver import configmap, flux, values
from stackyard.hub.profiles import profile_list
from stackyard.stack.values import Profile

PROFILES = profile_list(CAMPUS, published(CAMPUS))


def read(text: str, version: str = "1.2") -> Any:
    yaml = YAML(typ="safe", pure=True)
    yaml.version = version
    return yaml.load(text)


def test_values_hold_the_list_and_nothing_else() -> None:
    text = values(CAMPUS, published(CAMPUS))
    assert read(text) == {"singleuser": {"profileList": PROFILES}}
    assert text.startswith("# The profile list of stackyard.yaml, written by")
    assert f'image: "{reference("geo-ml", "py313")}"' in text


@pytest.mark.parametrize("deliver", [configmap, flux])
def test_a_configmap_as_flux_and_kustomize_want_it(deliver) -> None:
    document = read(deliver(CAMPUS, published(CAMPUS), name="profiles", namespace="jhub"))
    assert document["kind"] == "ConfigMap"
    metadata = document["metadata"]
    assert (metadata["name"], metadata["namespace"]) == ("profiles", "jhub")
    assert metadata["labels"]["reconcile.fluxcd.io/watch"] == "Enabled"
    assert metadata["annotations"] == {"kustomize.toolkit.fluxcd.io/substitute": "disabled"}
    assert list(document["data"]) == ["values.yaml"]
    assert read(document["data"]["values.yaml"]) == {"singleuser": {"profileList": PROFILES}}


def test_flux_is_told_how_to_take_it() -> None:
    text = flux(CAMPUS, published(CAMPUS), name="profiles", namespace="jhub")
    comments = [line.removeprefix("# ") for line in text.splitlines() if line.startswith("#")]
    start = comments.index("  spec:")
    snippet = "\n".join(comments[start : start + 6])
    assert read(snippet) == {
        "spec": {
            "timeout": "30m",
            "valuesFrom": [{"kind": "ConfigMap", "name": "profiles", "valuesKey": "values.yaml"}],
        }
    }


@settings(deadline=None)
@given(st.text(), st.text(), st.sampled_from(["1.1", "1.2"]))
def test_any_text_survives_every_reader(name: str, value: str, version: str) -> None:
    case = stack(
        {
            "yes": {
                "1.0": Profile(name, value, kubespawner_override={"environment": {value: name}}),
                "no": Profile(name, value),
            }
        }
    )
    document = read(configmap(case, published(case), name="a", namespace="b"), version)
    found = read(document["data"]["values.yaml"], version)
    assert found == {"singleuser": {"profileList": profile_list(case, published(case))}}


@pytest.mark.parametrize("word", ["yes", "on", "~", "1e3", "0o17", "12:30:45", "2024.1", "null"])
def test_words_that_other_readers_take_for_something_else_are_quoted(word: str) -> None:
    case = stack({"a": {"v": Profile(word, kubespawner_override={"extra_labels": {word: word}})}})
    text = values(case, published(case))
    assert f'"{word}": "{word}"' in text
    assert f'display_name: "{word}"' in text


def sized(count: int, length: int) -> Any:
    return stack({f"i{n}": {"v": Profile("A", "x" * length)} for n in range(count)})


def test_a_list_that_a_configmap_cannot_hold() -> None:
    case = sized(300, 4000)
    with pytest.raises(InputError, match=r"1,048,576"):
        configmap(case, published(case), name="a", namespace="b")


def test_a_list_that_plain_kubectl_apply_cannot_hold() -> None:
    small, large = sized(100, 2000), sized(100, 3000)
    notes = [configmap(c, published(c), name="a", namespace="b") for c in (small, large)]
    assert ["--server-side" in note for note in notes] == [False, True]
    documents = [json.dumps(read(note)) for note in notes]
    assert len(documents[0]) < 262_144 < len(documents[1])


@pytest.mark.parametrize(
    ("name", "namespace"),
    [
        ("A", "b"),
        ("a", "b.c"),
        ("a\nb: c", "b"),
        ("", "b"),
        ("a", ""),
        ("a" * 254, "b"),
        ("a..b", "b"),
    ],
)
def test_names_that_kubernetes_refuses(name: str, namespace: str) -> None:
    with pytest.raises(InputError, match="Kubernetes"):
        flux(CAMPUS, published(CAMPUS), name=name, namespace=namespace)
