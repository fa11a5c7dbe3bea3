"""The pre-puller's list: every image once, under names that Kubernetes takes."""

from __future__ import annotations

import re
from typing import Any

import pytest
from deliverycases import NASTY, chart_problems, offered, read
from hubcases import CAMPUS, published, reference
from hypothesis import given
from hypothesis import strategies as st

from stackyard.errors import Position
from stackyard.hub.delivery.formats import deliver
from stackyard.hub.delivery.prepuller import key_of
from stackyard.hub.delivery.references import split
from stackyard.hub.profiles import Offer, offers
from stackyard.hub.published import Earlier, Published

DIGEST = f"@sha256:{'0' * 64}"
LABEL = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")


def pulled(made: tuple[Offer, ...]) -> dict[str, str]:
    """The containers' names and images, joined as the chart does."""
    document = read(deliver("prepuller", CAMPUS, made).text)
    assert chart_problems(document) == []
    images = document["prePuller"]["extraImages"]
    return {f"image-pull-{key}": f"{told['name']}:{told['tag']}" for key, told in images.items()}


@pytest.mark.parametrize("by", ["digest", "tag"])
def test_every_image_of_the_list(by: str) -> None:
    want = [
        reference(*image)
        for image in (
            ("default", "py311"),
            ("default", "py313"),
            ("geo-ml", "py313"),
            ("wide", "py311"),
            ("wide", "Py_3.13"),
        )
    ]
    found = pulled(offered(CAMPUS, by=by))
    assert list(found.values()) == (
        want if by == "digest" else [image.partition("@")[0] for image in want]
    )
    assert all(LABEL.fullmatch(name) for name in found)
    assert next(iter(found)).startswith("image-pull-stackyard-default-py311-abc123-")


def test_versions_of_before_too_and_each_image_once() -> None:
    before = {
        variant: (Earlier(f"{variant}-old", f"r/hub/x:{variant}-old{DIGEST}"),)
        for variant in ("py311", "py313", "Py_3.13")
    }
    entries = [
        Published(e.image, e.variant, e.reference, before[e.variant]) for e in published(CAMPUS)
    ]
    found = list(pulled(offers(CAMPUS, entries)).values())
    assert len(found) == len(set(found))
    assert set(found) == {e.reference for e in entries if e.image != "bench"} | {
        earlier[0].reference for earlier in before.values()
    }


def test_images_that_the_charts_pullers_do_not_look_for() -> None:
    option = {"choices": {"x": {"kubespawner_override": {"image": "r/a:1"}}, "y": {}}}
    profile: dict[str, Any] = {
        "display_name": "A",
        "slug": "a",
        "kubespawner_override": {"image": "r/b:2"},
        "profile_options": {"flavour": option, "image": {"unlisted_choice": {"enabled": True}}},
    }
    found = pulled((Offer(profile, "a", Position("f", 1)),))
    assert list(found.values()) == ["r/b:2", "r/a:1"]


def test_pathological_names_have_an_image_each() -> None:
    assert len(pulled(offered(NASTY))) == len(NASTY.targets)


@given(
    st.lists(
        st.from_regex(
            r"[a-z0-9.:]{1,9}(/[a-z0-9_.-]{1,60}){1,2}(:[\w.-]{1,128})?(@sha256:[0-9a-f]{64})?",
            fullmatch=True,
        ),
        unique=True,
    )
)
def test_keys_are_labels_and_no_two_are_alike(references: list[str]) -> None:
    keys = [key_of(each) for each in references]
    assert len(set(keys)) == len(keys)
    assert all(len(key) <= 52 and LABEL.fullmatch(f"image-pull-{key}") for key in keys)
    assert keys == [key_of(each) for each in references]


@pytest.mark.parametrize(
    ("whole", "name", "tag"),
    [
        ("h:5000/a/b:v1", "h:5000/a/b", "v1"),
        (f"h:5000/a/b:v1{DIGEST}", "h:5000/a/b", f"v1{DIGEST}"),
        (f"h:5000/a/b{DIGEST}", "h:5000/a/b@sha256", "0" * 64),
        ("h:5000/a/b", "h:5000/a/b", "latest"),
    ],
)
def test_a_reference_in_two_parts(whole: str, name: str, tag: str) -> None:
    assert split(whole) == (name, tag)
    assert f"{name}:{tag}" == whole or tag == "latest"
