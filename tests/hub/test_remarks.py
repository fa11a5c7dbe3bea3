"""What the administrator is told of profiles that are right."""

from __future__ import annotations

from pathlib import Path

from writtenstack import read

from stackyard.hub.remarks import remarks

IMAGES = """\
images:
  a:
    layers: base
    profile:
      display_name: <b>A</b>
      description: With {% raw %}{{ username }}{% endraw %}
      kubespawner_override:
        environment:
          JSON: '{"a": 1}'
          PLAIN: x
          GONE: null
      profile_options:
        image: {unlisted_choice: {display_name: "A & B &amp; c"}}
        r: {display_name: 2 > 1, choices: {a: {display_name: "{x} 1 < 2"}}}
"""


def test_each_with_its_line(tmp_path: Path) -> None:
    found = remarks(read(tmp_path, IMAGES))
    told = [(remark.where.line, remark.message) for remark in found if remark.where]
    assert [line for line, _ in told] == [8, 9, 16, 12, 16]
    assert "display_name has HTML in it" in told[0][1]
    assert "description has a template in it" in told[1][1]
    assert "unlisted_choice.display_name has HTML" in told[2][1]
    assert "environment.JSON has braces" in told[3][1]
    assert "can start any image" in told[4][1]


def test_nothing_to_say(tmp_path: Path) -> None:
    assert not remarks(
        read(tmp_path, "images: {a: {layers: base, profile: {display_name: A & B}}}")
    )


def test_what_only_the_default_variant_has_a_say_in(tmp_path: Path) -> None:
    images = """\
images:
  a:
    layers: base
    profile:
      display_name: A {{ variant }}
      description: For {{ variant }}
      kubespawner_override: {working_dir: "/{{ variant }}"}
      profile_options:
        r: {display_name: R, choices: {a: {display_name: "{{ variant }}"}}}
"""
    found = remarks(read(tmp_path, images))
    assert [remark.where.line for remark in found if remark.where] == [9, 11]
    assert all("differs between variants" in remark.message for remark in found)
    each = images.replace(
        "      display_name: A", "      variants: profiles\n      display_name: A"
    )
    assert not remarks(read(tmp_path, each))
