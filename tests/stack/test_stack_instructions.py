from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from stackyard.stack.instructions import with_argument
from stackyard.stack.values import Containerfile, Stack

Loaded = Callable[..., Stack]
Refused = Callable[..., str]

TOP = """\
variants: {py311: {suite: bookworm}, py313: {suite: trixie}}
vars: {tools: [git, curl], title: "it's", lines: "a\\nUSER root"}
layers:
  b: {from: debian:12}
  grid: {on: b, containerfile: C.j2}
images: {i: {layers: grid}}
"""


def made(stack: Stack) -> list[Containerfile]:
    found = [variant.layers["grid"].containerfile for variant in stack.variants.values()]
    return [one for one in found if one is not None]


def test_a_template_is_rendered_for_each_variant(loaded: Loaded) -> None:
    template = """\
    # syntax=docker/dockerfile:1
    FROM {{ parent }}
    {% set many = tools | length > 1 %}
    {% for tool in tools %}
    RUN install {{ tool }}
        {% if not loop.last %}
    # next
        {% endif %}
    {% endfor %}
    LABEL suite={{ suite }}/{{ variant }}/{{ layer }} title={{ title | quote }} many={{ many }}
    RUN echo ${A} {% raw %}{{.X}}{% endraw %}
    """
    one, two = made(loaded(TOP, {"C.j2": template}))
    assert one.text == (
        "# syntax=docker/dockerfile:1\nARG BASE_IMAGE\nFROM ${BASE_IMAGE}\n"
        "RUN install git\n# next\nRUN install curl\n"
        "LABEL suite=bookworm/py311/grid title='it'\"'\"'s' many=true\nRUN echo ${A} {{.X}}\n"
    )
    assert two.text == one.text.replace("bookworm/py311", "trixie/py313")
    assert (one.path, one.parent) == ("C.j2", "BASE_IMAGE")


def test_any_other_file_is_taken_unchanged(loaded: Loaded, tmp_path: Path) -> None:
    text = "# {{ x }}\r\nARG ROOT_CONTAINER=debian\r\nFROM $ROOT_CONTAINER\r\nRUN a {% b %}\r\n"
    (tmp_path / "Dockerfile").write_bytes(text.encode())
    one, two = made(loaded(TOP.replace("C.j2", "Dockerfile")))
    assert one is two
    assert one == Containerfile("Dockerfile", text, "ROOT_CONTAINER")


@pytest.mark.parametrize(
    ("text", "with_it"),
    [
        ("FROM ${BASE_IMAGE}\n", "ARG BASE_IMAGE\nFROM ${BASE_IMAGE}\n"),
        (
            "#syntax=x\n#escape=`\n\n# c\nARG A\nFROM x as y\nfrom ${BASE_IMAGE}",
            "#syntax=x\n#escape=`\n\n# c\nARG A\nARG BASE_IMAGE\nFROM x as y\nfrom ${BASE_IMAGE}",
        ),
        ("ARG BASE_IMAGE\nFROM ${BASE_IMAGE}\n", None),
        ("arg A=b BASE_IMAGE=c\nFROM ${BASE_IMAGE}\n", None),
        ("ARG A \\\n  BASE_IMAGE\nFROM ${BASE_IMAGE}\n", None),
        ("FROM $BASE_IMAGE\n", None),
        ("# FROM x\nFROM ${BASE_IMAGE}\nARG BASE_IMAGE\n",
         "# FROM x\nARG BASE_IMAGE\nFROM ${BASE_IMAGE}\nARG BASE_IMAGE\n"),
        ("# \u2028FROM ${BASE_IMAGE}\nRUN a\n", None),
        ("RUN ${BASE_IMAGE}", None),
    ],
)  # fmt: skip
def test_the_argument_is_declared_where_it_is_missing(text: str, with_it: str | None) -> None:
    assert with_argument(text) == (with_it or text)


@pytest.mark.parametrize(
    ("template", "line", "told"),
    [
        ("FROM {{ parent }}\nRUN {{ suit }}\n", 2, "'suit' is undefined (did you mean 'suite'?)"),
        ("FROM {{ parent }}\n\n{% if x %}\n", 3, "not a valid template"),
        ("FROM {{ parent }}\n\n\n{{ }}\n", 4, "not a valid template"),
        ("{% for t in tools %}\nRUN x\n{{ t.__class__ }}\n{% endfor %}", 3, "not allowed"),
        ("FROM {{ parent }}\n{% include '/etc/passwd' %}", 2, "'include' is not available here"),
        ("FROM x\n{% macro m() %}{% endmacro %}", 2, "'macro' is not available here"),
        ("FROM x\n\n{{ tools }}", 3, "the value is a list; use join"),
        ("FROM x\nRUN {{ lines | quote }}", 2, "quote: the value has a line break"),
        ("FROM x\n{{ 1 / 0 }}", 2, "division by zero"),
        ("FROM x\n{{ image }}", 2, "'image' is undefined"),
        ("{% set a, b = 1, 2 %}", 1, "'set' of anything but one name"),
        ("\n{% set x %}y{% endset %}", 2, "'assignblock' is not available here"),
        ("\n{% set x.y = 1 %}", 2, "'set' of anything but one name"),
    ],
)
def test_what_is_wrong_in_a_template_is_told_with_its_line(
    refused: Refused, template: str, line: int, told: str
) -> None:
    message = refused(TOP, {"C.j2": template}).replace("\n  hint: ", " (")
    assert f"C.j2:{line}: layers.grid.containerfile: " in message
    assert told.rstrip(")") in message
    assert "[variant" not in message


def test_a_problem_of_one_variant_names_it(refused: Refused) -> None:
    text = "{% if suite == 'trixie' %}\nFROM {{ gone }}\n{% endif %}\nFROM {{ parent }}\n"
    message = refused(TOP, {"C.j2": text})
    assert "C.j2:2: layers.grid.containerfile: 'gone' is undefined [variant py313]" in message
    plain = refused(TOP.replace("C.j2", "C"), {"C": "RUN x\n"})
    assert "[variant" not in plain


def test_a_wrong_containerfile_is_told_with_its_line(refused: Refused) -> None:
    message = refused(TOP.replace("C.j2", "C"), {"C": "# c\nFROM debian:12\nRUN x\n"})
    assert "C:2: layers.grid.containerfile: " in message
    message = refused(TOP, {"C.j2": "{% if true %}\n# c\n{% endif %}\nFROM debian:12\n"})
    assert "C.j2: layers.grid.containerfile: " in message
    assert "in the line 'FROM debian:12' of what it makes" in message
    assert "layers.grid.containerfile: " in refused(TOP, {"C.j2": ""})


@pytest.mark.parametrize(
    ("data", "line", "told"),
    [
        (b"FROM x\nRUN \xff\n", ":2", "it is not UTF-8"),
        (b"FROM x\n\nRUN \0\n", ":3", "it holds a zero byte"),
        (b"#" * ((1 << 20) + 1), "", "it is larger than 1048576 bytes"),
    ],
)
@pytest.mark.parametrize("name", ["C", "C.j2"])
def test_a_file_that_is_no_text(
    refused: Refused, tmp_path: Path, name: str, data: bytes, line: str, told: str
) -> None:
    (tmp_path / name).write_bytes(data)
    message = refused(TOP.replace("C.j2", name))
    assert f"{name}{line}: layers.grid.containerfile: {told}" in message


def test_templates_have_a_size(refused: Refused) -> None:
    message = refused(TOP, {"C.j2": "FROM {{ parent }}\n" + "#" * (1 << 16)})
    assert "its source has more than 65536 characters" in message
    bomb = "{% set x = 'y' * 30000 %}{% for i in range(20) %}{{ x }}{% endfor %}"
    assert "what it makes has more than 262144 characters" in refused(TOP, {"C.j2": bomb})


def test_a_large_file_that_is_no_template_is_fine(loaded: Loaded) -> None:
    text = "ARG P\nFROM $P\n" + "# comment\n" * 50_000
    one, _ = made(loaded(TOP.replace("C.j2", "C"), {"C": text}))
    assert one.text == text


def test_paths_of_containerfiles(refused: Refused, tmp_path: Path) -> None:
    (tmp_path / "link.j2").symlink_to("/etc/passwd")
    (tmp_path / "dir").symlink_to("/etc")
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    for path, told in (
        ("link.j2", "leads out of the project through a symbolic link"),
        ("dir/passwd", "leads out of the project through a symbolic link"),
        ("../x", "leaves the project's folder"),
        ("/etc/passwd", "is not relative"),
        ("folder", "it is not a file"),
        ("pipe", "it is not a file"),
    ):
        message = refused(TOP.replace("C.j2", path))
        assert "layers.grid.containerfile: " in message
        assert told in message
        assert "root:" not in message


def test_a_templated_layer_has_its_containerfile_rendered_too(loaded: Loaded) -> None:
    text = TOP.replace(
        "containerfile: C.j2", "containerfile: '{{ suite }}.j2', args: {V: '{{ variant }}'}"
    )
    others = {
        f"{suite}.j2": f"FROM {{{{ parent }}}}\n# {suite}\n" for suite in ("bookworm", "trixie")
    }
    one, two = made(loaded(text, others))
    assert (one.path, two.path) == ("bookworm.j2", "trixie.j2")
    assert (one.args, two.args) == ({"V": "py311"}, {"V": "py313"})
    assert two.text.endswith("# trixie\n")


def test_the_rest_of_a_layer_with_a_template_is_made_once(loaded: Loaded) -> None:
    stack = loaded(TOP, {"C.j2": "FROM {{ parent }}\n# {{ suite }}\n"})
    one, two = (variant.layers["grid"] for variant in stack.variants.values())
    assert one is not two
    assert one.env is two.env


def test_a_template_may_be_used_by_two_layers(loaded: Loaded) -> None:
    text = TOP.replace("images:", "  more: {on: grid, containerfile: C.j2}\nimages:")
    stack = loaded(
        text.replace("layers: grid", "layers: more"), {"C.j2": "FROM {{ parent }}\n#{{ layer }}"}
    )
    layers = stack.variants["py311"].layers
    assert [layers[name].containerfile.text[-4:] for name in ("grid", "more")] == ["grid", "more"]  # type: ignore[union-attr]
