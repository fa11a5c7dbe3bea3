"""The profile list: what it says, and what is refused before a hub sees it."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest
from hubcases import CAMPUS, published, reference, stack
from hypothesis import given, settings
from hypothesis import strategies as st

from stackyard.errors import InputError
from stackyard.hub.names import choice_key
from stackyard.hub.profiles import profile_list
from stackyard.stack.values import Profile


def made(images: dict[str, dict[str, Profile | None]]) -> list[dict[str, Any]]:
    case = stack(images)
    return profile_list(case, published(case))


def test_one_profile_an_image_in_the_stack_files_order() -> None:
    profiles = profile_list(CAMPUS, published(CAMPUS))
    assert [profile["slug"] for profile in profiles] == ["default", "geo-ml", "wide"]
    assert [profile.get("default") for profile in profiles] == [None, True, None]


def test_variants_are_choices_and_the_first_is_the_default() -> None:
    assert profile_list(CAMPUS, published(CAMPUS))[0] == {
        "display_name": "Default environment",
        "slug": "default",
        "description": "Python for data analysis",
        "profile_options": {
            "image": {
                "display_name": "Version",
                "choices": {
                    "py311": {
                        "display_name": "py311",
                        "default": True,
                        "kubespawner_override": {"image": reference("default", "py311")},
                    },
                    "py313": {
                        "display_name": "py313",
                        "kubespawner_override": {"image": reference("default", "py313")},
                    },
                },
            }
        },
    }


def test_one_variant_is_a_plain_image_and_texts_are_escaped() -> None:
    assert profile_list(CAMPUS, published(CAMPUS))[1] == {
        "display_name": "Geo &amp; &lt;b&gt;ML&lt;/b&gt;",
        "slug": "geo-ml",
        "description": "Maps &quot;and&quot; $&#123;models&#125; &#123;&#123; here &#125;&#125;",
        "default": True,
        "kubespawner_override": {
            "mem_limit": "8G",
            "environment": {"JSON": '{{"a": 1}}', "PLAIN": "x"},
            "image": reference("geo-ml", "py313"),
        },
    }


def test_what_variants_say_differently_is_in_their_choices() -> None:
    wide = profile_list(CAMPUS, published(CAMPUS))[2]
    assert wide["display_name"] == "Wide 3.11"
    assert wide["kubespawner_override"] == {"uid": 1000}
    choices = wide["profile_options"]["image"]["choices"]
    assert [
        (c["display_name"], c["kubespawner_override"]["cpu_limit"]) for c in choices.values()
    ] == [
        ("Wide 3.11", 2),
        ("Wide 3.13", 4),
    ]
    assert list(choices) == ["py311", choice_key("Py_3.13")]


def test_an_equal_number_of_another_type_is_not_alike() -> None:
    (profile,) = made(
        {
            "a": {
                "one": Profile("A", kubespawner_override={"cpu_limit": 1}),
                "two": Profile("A", kubespawner_override={"cpu_limit": 1.0}),
            }
        }
    )
    assert "kubespawner_override" not in profile


def test_the_first_is_marked_when_none_is() -> None:
    profiles = made({"a": {"v": Profile("A")}, "b": {"v": Profile("B")}})
    assert [profile.get("default") for profile in profiles] == [True, None]


def test_no_profile_no_list() -> None:
    assert made({"a": {"v": None}}) == []


def test_a_slug_of_ones_own_survives_a_renamed_image() -> None:
    (profile,) = made({"new-name": {"v": Profile("A", slug="old-name")}})
    assert profile["slug"] == "old-name"


@settings(deadline=None)
@given(
    st.sets(
        st.text(min_size=1, max_size=60) | st.from_regex(r"[A-Za-z0-9._-]{1,40}", fullmatch=True)
    )
)
def test_choice_keys_fit_the_pre_pullers_container_names(variants: set[str]) -> None:
    keys = {choice_key(variant) for variant in variants}
    assert len(keys) == len(variants)
    for key in keys:
        assert re.fullmatch(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?", key)
        assert len(f"image-pull-profile-999-option-image-{key}") <= 63
        assert choice_key(key) == key


def refused(override: dict[Any, Any]) -> InputError:
    with pytest.raises(InputError) as found:
        made({"a": {"v": Profile("A")}, "b": {"v": Profile("B", kubespawner_override=override)}})
    assert str(found.value.where) == "stackyard.yaml:2"
    assert "images.b.profile.kubespawner_override" in found.value.message
    return found.value


@pytest.mark.parametrize(
    ("override", "says"),
    [
        ({"mem_limits": "8G"}, "mem_limits"),
        ({"mem_limit": "8Gi"}, "8Gi.*K, M, G or T"),
        ({"mem_limit": "8"}, "K, M, G or T"),
        ({"cpu_limit": "2"}, "'2'.*number"),
        ({"cpu_limit": True}, "True.*number"),
        ({"uid": 1.5}, "whole number"),
        ({"privileged": "yes"}, "true or false"),
        ({"environment": None}, "mapping"),
        ({"environment": {"DEBUG": 1}}, "DEBUG is 1, and must be text"),
        ({"environment": {1: "x"}}, "key 1"),
        ({"environment": {"A": "x\0"}}, "A has a NUL"),
        ({"node_selector": "gpu"}, "mapping"),
        ({"node_selector": {"gpu": True}}, "gpu is True, and must be text"),
        ({"extra_labels": {"course": 1}}, "course is 1, and must be text"),
        ({"args": [1]}, "a list of texts"),
        ({"cmd": [1]}, "a text, or a list of texts"),
        ({"slug_scheme": "unsafe"}, "safe or escape"),
        ({"poll_jitter": 2}, "from 0 to 1"),
        ({"extra_labels": {"x": object()}}, "JSON"),
        ({"cpu_limit": float("nan")}, "JSON"),
        ({"image": "other"}, "sets image"),
        ({3: "x"}, "3"),
    ],
)
def test_an_override_that_kubespawner_would_not_take(override, says: str) -> None:
    assert re.search(says, str(refused(override)))


def test_a_misspelt_override_gets_the_nearest_name() -> None:
    assert refused({"mem_limits": "8G"}).hint == "did you mean 'mem_limit'?"


def test_two_defaults() -> None:
    with pytest.raises(InputError, match="images a and b are both"):
        made({"a": {"v": Profile("A", default=True)}, "b": {"v": Profile("B", default=True)}})


def test_equal_slugs() -> None:
    with pytest.raises(InputError, match="images a and b have the same slug 'a'"):
        made({"a": {"v": Profile("A")}, "b": {"v": Profile("B", slug="a")}})


@pytest.mark.parametrize("slug", ["", "a b", 'x"><script>', "a" * 64, "-a", "é"])
def test_a_slug_that_breaks_the_form(slug: str) -> None:
    with pytest.raises(InputError, match="slug"):
        made({"a": {"v": Profile("A", slug=slug or "-")}})


def test_a_profile_of_what_was_never_published() -> None:
    known = [entry for entry in published(CAMPUS) if entry.variant != "py313"]
    with pytest.raises(InputError, match=r"image default .* not published for py313") as found:
        profile_list(CAMPUS, known)
    assert str(found.value.where) == "stackyard.yaml:1"


def test_a_variant_without_a_profile_is_not_offered() -> None:
    case = stack({"a": {"one": None, "two": Profile("A")}})
    known = [entry for entry in published(case) if entry.variant == "two"]
    (profile,) = profile_list(case, known)
    assert profile["kubespawner_override"] == {"image": reference("a", "two")}


def test_the_list_depends_on_the_stack_files_order_only() -> None:
    known = published(CAMPUS)
    assert profile_list(CAMPUS, known[::-1]) == profile_list(CAMPUS, known)
    newer = [replace(entry, reference=entry.reference.replace("abc", "def")) for entry in known]
    again = profile_list(CAMPUS, newer)
    assert [p["slug"] for p in again] == [p["slug"] for p in profile_list(CAMPUS, known)]
