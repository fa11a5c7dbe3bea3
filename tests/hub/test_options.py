"""What users choose in a profile: versions, resources, and what they type."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from writtenstack import TOP, published, read, reference, refused

from stackyard.hub.profiles import offers, profile_list
from stackyard.hub.published import Earlier

RESOURCES = """\
profile_options:
  resources:
    display_name: Resources
    choices:
      small: {display_name: 2 GB, kubespawner_override: {mem_limit: 2G}}
      large: {display_name: 8 GB, default: true, kubespawner_override: {mem_limit: 8G}}
"""


def old(key: str, published: datetime | None) -> Earlier:
    tag = f"py311-{key * 12}"
    return Earlier(tag, reference("a", tag), published)


OLD = (
    old("a", datetime(2026, 3, 2, tzinfo=UTC)),
    old("b", datetime(2026, 3, 1, 9, tzinfo=UTC)),
    old("c", datetime(2026, 3, 1, 8, tzinfo=UTC)),
    old("d", None),
)


def made(folder: Path, images: str, top: str = TOP, **more: Any) -> list[dict[str, Any]]:
    stack = read(folder, images, top)
    return profile_list(stack, published(stack, **more))


def choices(profile: dict[str, Any], option: str = "image") -> dict[str, str]:
    found = profile["profile_options"][option]["choices"]
    return {key: choice["display_name"] for key, choice in found.items()}


def test_options_of_the_stack_are_in_every_profile_unless_it_says_otherwise(tmp_path: Path) -> None:
    one, own, none = made(
        tmp_path,
        """\
images:
  one: {layers: base, profile: {display_name: One}}
  own:
    layers: base
    profile:
      display_name: Own
      profile_options:
        resources:
          display_name: Its own
          choices: {gpu: {display_name: A GPU, kubespawner_override: {cpu_limit: 4}}}
        drive: {display_name: Drive, choices: {no: {display_name: None}}}
  none: {layers: base, profile: {display_name: None, profile_options: {resources: null}}}
""",
        TOP + RESOURCES,
    )
    assert choices(one, "resources") == {"small": "2 GB", "large": "8 GB"}
    assert one["profile_options"]["resources"]["choices"]["large"]["default"] is True
    assert list(one["profile_options"]) == ["image", "resources"]
    assert choices(own, "resources") == {"gpu": "A GPU"}
    assert list(own["profile_options"]) == ["image", "resources", "drive"]
    assert list(none["profile_options"]) == ["image"]


def test_templates_in_shared_options_see_the_image(tmp_path: Path) -> None:
    shared = RESOURCES.replace("2 GB", "'2 GB for {{ image }}'")
    (profile,) = made(
        tmp_path, "images: {geo: {layers: base, profile: {display_name: Geo}}}", TOP + shared
    )
    assert choices(profile, "resources")["small"] == "2 GB for geo"


def test_an_image_without_a_profile_is_not_offered(tmp_path: Path) -> None:
    found = made(
        tmp_path,
        "images:\n  test: {layers: base}\n  a: {layers: base, profile: {display_name: A}}\n",
    )
    assert [profile["slug"] for profile in found] == ["a"]


def test_variants_as_profiles(tmp_path: Path) -> None:
    found = made(
        tmp_path,
        """\
images:
  first: {layers: base, variants: [py313], profile: {display_name: First, variants: profiles}}
  geo:
    layers: base
    profile: {display_name: Geo, variants: profiles, default: true}
  own:
    layers: base
    profile: {display_name: "With {{ variant }}", variants: profiles, slug: "own-{{ variant }}"}
""",
    )
    assert [(p["slug"], p["display_name"], p.get("default")) for p in found] == [
        ("first-py313", "First (py313)", None),
        ("geo-py311", "Geo (py311)", True),
        ("geo-py313", "Geo (py313)", None),
        ("own-py311", "With py311", None),
        ("own-py313", "With py313", None),
    ]
    assert found[1]["kubespawner_override"]["image"] == reference("geo", "py311-0123456789ab")


def test_a_name_for_each_variants_choice(tmp_path: Path) -> None:
    named = 'choice_name: "Python {{ variant[2:] }} <b>"'
    images = f"images: {{a: {{layers: base, profile: {{display_name: A, {named}}}}}}}"
    (profile,) = made(tmp_path, images)
    assert choices(profile) == {
        "py311": "Python 311 &lt;b&gt;",
        "py313": "Python 313 &lt;b&gt;",
    }
    error, _ = refused(tmp_path, images.replace("{{ variant[2:] }}", "3"))
    assert "two of its versions are shown as 'Python 3 <b>'" in error.message


def test_old_versions_stay_selectable(tmp_path: Path) -> None:
    images = (
        "images: {a: {layers: base, variants: py311,"
        " profile: {display_name: A, previous_versions: 4}}}"
    )
    (profile,) = made(tmp_path, images, earlier=OLD)
    assert choices(profile) == {
        "py311": "Newest",
        "py311-aaaaaaaaaaaa": "2026-03-02",
        "py311-bbbbbbbbbbbb": "2026-03-01 (bbbbbbbbbbbb)",
        "py311-cccccccccccc": "2026-03-01 (cccccccccccc)",
        "py311-dddddddddddd": "py311-dddddddddddd",
    }
    versions = profile["profile_options"]["image"]["choices"]
    assert [key for key, choice in versions.items() if choice.get("default")] == ["py311"]
    assert versions["py311-aaaaaaaaaaaa"]["kubespawner_override"] == {"image": OLD[0].reference}


def test_old_versions_have_what_their_variant_has(tmp_path: Path) -> None:
    (profile,) = made(
        tmp_path,
        """\
images:
  a:
    layers: base
    profile:
      display_name: A
      previous_versions: 1
      kubespawner_override: {mem_limit: "{{ '2G' if variant == 'py311' else '4G' }}"}
""",
        earlier=OLD[:1],
    )
    limits = [
        choice["kubespawner_override"]["mem_limit"]
        for choice in profile["profile_options"]["image"]["choices"].values()
    ]
    assert limits == ["2G", "4G", "2G"]


def test_the_choice_is_there_from_the_first_version_on(tmp_path: Path) -> None:
    """So that what users chose is still a choice when there is a second one."""
    images = (
        "images: {a: {layers: base, variants: py311,"
        " profile: {display_name: A, previous_versions: 1}}}"
    )
    (profile,) = made(tmp_path, images)
    assert choices(profile) == {"py311": "Newest"}


UNLISTED = """\
images:
  a:
    layers: base
    profile:
      display_name: A
      profile_options:
        image:
          display_name: Image
          unlisted_choice:
            display_name: Another image
            display_name_in_choices: Another …
            validation_regex: ghcr.io/acme/.+
            validation_message: An image of <acme>
            kubespawner_override:
              image: "{value}"
              environment: {CHOSEN: "{value}", JSON: '{"a": {}}'}
"""


def test_an_unlisted_choice(tmp_path: Path) -> None:
    (profile,) = made(tmp_path, UNLISTED)
    option = profile["profile_options"]["image"]
    assert option["display_name"] == "Image"
    assert option["unlisted_choice"] == {
        "enabled": True,
        "display_name": "Another image",
        "display_name_in_choices": "Another …",
        "validation_regex": "^(?:ghcr.io/acme/.+)$",
        "validation_message": "An image of &lt;acme&gt;",
        "kubespawner_override": {
            "image": "{value}",
            "environment": {"CHOSEN": "{value}", "JSON": '{{{{"a": {{{{}}}}}}}}'},
        },
    }


def test_an_unlisted_choice_that_is_off(tmp_path: Path) -> None:
    text = UNLISTED.replace("unlisted_choice:\n", "unlisted_choice:\n            enabled: false\n")
    (profile,) = made(tmp_path, text)
    assert "unlisted_choice" not in profile["profile_options"]["image"]


def option(text: str) -> str:
    return (
        "images:\n  a:\n    layers: base\n    profile:\n      display_name: A\n"
        f"      profile_options:\n{text}"
    )


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ("        Big: {display_name: x, choices: {a: {display_name: a}}}", "Big", "single -"),
        ("        a--b: {display_name: x, choices: {a: {display_name: a}}}", "a--b", "single -"),
        (
            "        r:\n          display_name: x\n          choices:\n"
            "            2.5: {display_name: a}\n",
            "2.5",
            "single -",
        ),
        ("        r: {choices: {a: {display_name: a}}}", "r", "'display_name' is missing"),
        ("        r: {display_name: x}", "r", "nothing to choose"),
        ("        profile: {display_name: x, choices: {a: {display_name: a}}}", "prof", "itself"),
        (
            "        r:\n          display_name: x\n          choices:\n"
            "            unlisted-choice: {display_name: a}",
            "unlisted-choice",
            "itself",
        ),
        (
            "        r:\n          display_name: x\n          choices:\n"
            "            a: {display_name: a}\n            b: {display_name: a}",
            "b:",
            "both shown as 'a'",
        ),
        (
            "        r:\n          display_name: x\n          choices:\n"
            "            a: {display_name: a, default: true}\n"
            "            b: {display_name: b, default: true}",
            "b:",
            "both marked",
        ),
        (
            "        r:\n          display_name: x\n          choices:\n            a:\n"
            "              display_name: a\n              kubespawner_override:\n"
            "                mem_limits: 2G",
            "mem_limits",
            "did you mean 'mem_limit'",
        ),
        ("        image: {choices: {a: {display_name: a}}}", "image", "image's versions"),
        ("        image: {unlisted_choice: {display_name: x, kubespawner_override: {port: 1}}}",
         "image", "does nothing with"),
        ("        image: {unlisted_choice: {display_name: x, validation_regex: '(['}}",
         "image", "no regular expression"),
        ("        image: {unlisted_choice: {display_name: x, validation_regex: 'a\"'}}",
         "image", r"\\x22"),
        ("        r: {display_name: x, chioces: {}}", "r", "did you mean 'choices'"),
        ("        [r]", "profile_options", "expected a mapping"),
        (
            "        an-option-with-a-long-key:\n          display_name: x\n          choices:\n"
            "            and-a-choice: {display_name: a, kubespawner_override: {image: b}}",
            "and-a-choice",
            "image-pull-profile-0-option-an-option-with-a-long-key-and-a-choice",
        ),
    ],
)  # fmt: skip
def test_an_option_that_does_not_go(tmp_path: Path, text: str, line: str, says: str) -> None:
    error, where = refused(tmp_path, option(text))
    assert re.search(says, str(error)), error
    assert where.startswith(line), (where, error)


def test_the_pre_puller_counts_the_profiles_index(tmp_path: Path) -> None:
    """63 characters in the tenth profile, 64 in the eleventh: as the chart counts."""
    images = "images:\n" + "".join(
        f"  i{n}: {{layers: base, profile: {{display_name: I{n}, profile_options: {{"
        f"r: {{display_name: R, choices: {{{'c' * 33}: {{display_name: C,"
        f" kubespawner_override: {{image: x}}}}}}}}}}}}}}\n"
        for n in range(11)
    )
    error, where = refused(tmp_path, images)
    assert where.startswith("i10:")
    assert "which has 64 characters" in error.message
    stack = read(tmp_path, "".join(images.splitlines(keepends=True)[:-1]))
    assert len(offers(stack, published(stack))) == 10


PROFILES = """\
images:
  a:
    layers: base
    profile:
      display_name: A
      default: true
  b:
    layers: base
    profile:
      display_name: B
"""


@pytest.mark.parametrize(
    ("add", "line", "says"),
    [
        ("      default: true", "default: true", "default already"),
        ("      slug: a", "slug: a", "the slug 'a' is that of 'a' too"),
        ("      slug: a--b", "slug: a--b", "single -"),
        ("      variants: both", "variants: both", "choices or profiles"),
        ("      previous_versions: -1", "previous_versions: -1", "0 to 50"),
        ("      kubespawner_override: {image: x}", "kubespawner_override", "sets image"),
        ("      kubespawner_override:\n        cpu_limit: '2'", "cpu_limit", "without quotes"),
        (
            "      kubespawner_override:\n        environment:\n          A: x\n          B: 1",
            "B: 1",
            "must be text",
        ),
    ],
)
def test_a_profile_that_does_not_go(tmp_path: Path, add: str, line: str, says: str) -> None:
    error, where = refused(tmp_path, f"{PROFILES}{add}\n")
    assert says in str(error)
    assert where.startswith(line), (where, error)


@pytest.mark.parametrize("name", ["A", '" A  "'])
def test_profiles_that_users_could_not_tell_apart(tmp_path: Path, name: str) -> None:
    error, where = refused(tmp_path, PROFILES.replace("display_name: B", f"display_name: {name}"))
    assert "images a and b are both shown as" in error.message
    assert where.startswith("display_name:")
    assert "stackyard.yaml:7" in str(error.hint)
