"""Names and values of strangers: what is refused, all at once, and what is seen of it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from writtenstack import published, read, refused

from stackyard.errors import InputError
from stackyard.hub.delivery.formats import deliver
from stackyard.hub.profiles import check, offers
from stackyard.hub.remarks import remarks

PROFILES = """\
images:
  a: {layers: base, profile: {display_name: A}}
  b:
    layers: base
    profile:
      display_name: "B"
"""
OVERRIDE = "      kubespawner_override:\n        "
CHOICES = (
    "      profile_options:\n        r:\n          display_name: R\n          choices:\n"
    "            x: {display_name: X}\n            "
)


@pytest.mark.parametrize("name", [r"A\u200b", r"\u202aA", r"A\u00a0", r"\ufeffA\t"])
def test_names_that_differ_in_what_nobody_sees(tmp_path: Path, name: str) -> None:
    error, where = refused(tmp_path, PROFILES.replace('"B"', f'"{name}"'))
    assert "both shown as 'A'" in error.message
    assert where.startswith("display_name:")


def test_a_name_of_which_nothing_is_seen(tmp_path: Path) -> None:
    error, where = refused(tmp_path, PROFILES.replace('"B"', r'"\u200b\u2060"'))
    assert "nothing can be seen" in error.message
    assert where.startswith("display_name:")


def test_choices_that_look_alike(tmp_path: Path) -> None:
    error, where = refused(tmp_path, f'{PROFILES}{CHOICES}y: {{display_name: " X\\u200b"}}\n')
    assert "x and y are both shown as" in error.message
    assert where.startswith("y:")


def test_all_that_is_wrong_is_told_at_once(tmp_path: Path) -> None:
    text = PROFILES.replace("A}", "A, kubespawner_override: {mem_limt: 1G}}").replace("B", "A")
    with pytest.raises(InputError) as found:
        check(read(tmp_path, f'{text}{OVERRIDE}cpu_limit: "2"\n'))
    told = str(found.value).splitlines()
    assert told[0] == "the stack file has 3 errors:"
    assert [line.split(": ")[0].rpartition(":")[2] for line in told[1:]] == ["5", "9", "11"]
    assert "did you mean 'mem_limit'?" in told[1]


def test_what_all_profiles_share_is_wrong_once(tmp_path: Path) -> None:
    shared = (
        "profile_options:\n"
        "  r:\n"
        "    display_name: R\n"
        "    choices: {x: {display_name: X, kubespawner_override: {mem_limt: 1G}}}\n"
    )
    error, where = refused(tmp_path, PROFILES + shared)
    assert "mem_limt" in error.message
    assert where.startswith("choices:")


@pytest.mark.parametrize(
    "override",
    [r'environment: {"X\e[31m\n\u202e": 1}', r'"x\e[31m\n\u202e": 1', r'mem_limit: "\e[31m\n"'],
)
def test_messages_neither_steer_a_terminal_nor_fill_it(tmp_path: Path, override: str) -> None:
    error, _ = refused(tmp_path, f"{PROFILES}{OVERRIDE}{override}\n")
    assert error.message.isprintable()
    assert r"\x1b[31m\n" in error.message
    error, _ = refused(tmp_path, f"{PROFILES}{OVERRIDE}cpu_limit: {'x' * 10_000}\n")
    assert len(error.message) <= 600


def test_remarks_do_not_steer_a_terminal(tmp_path: Path) -> None:
    text = f'{PROFILES}{OVERRIDE}environment: {{"X\\e[31m\\n": "{{}}"}}\n'
    (remark,) = remarks(read(tmp_path, text))
    assert remark.message.isprintable()


@pytest.mark.parametrize("image", ['""', "a b", "ghcr.io/acme/Hub:1", "hub:", "{x}", "Q\x1b[31m"])
def test_an_image_that_no_cluster_can_pull(tmp_path: Path, image: str) -> None:
    choice = f"y:\n              display_name: Y\n              {OVERRIDE.strip()} "
    error, where = refused(
        tmp_path, f"{PROFILES}{CHOICES}{choice}{{image: {json.dumps(image.strip(chr(34)))}}}\n"
    )
    assert "choices.y.kubespawner_override.image: " in error.message
    assert (error.message + (error.hint or "")).isprintable()
    assert where.startswith("kubespawner_override:")


@pytest.mark.parametrize("format_name", ["values", "configmap", "json"])
def test_what_is_written_does_not_steer_a_terminal(tmp_path: Path, format_name: str) -> None:
    text = PROFILES.replace(
        '"B"', r'"B \e[31m \x9b \u202e \u2066 \u061c \U0001f468\u200d\U0001f469"'
    )
    stack = read(tmp_path, text)
    written = deliver(format_name, stack, offers(stack, published(stack))).text
    assert all(c.isprintable() or c in "\n\u200d" for c in written)
    assert r"\u202e \u2066 \u061c" in written
    assert "\U0001f468\u200d\U0001f469" in written
