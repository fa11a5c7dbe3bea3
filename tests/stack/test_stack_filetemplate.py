"""Whole files as templates: what they can do more than a text of the stack file."""

from __future__ import annotations

import tracemalloc
from typing import Any

import pytest

from stackyard.stack.template import MAX_FILE, Templates
from stackyard.stack.templateerror import TemplateError

KNOWN: dict[str, Any] = {"suite": "trixie", "xs": ["a", "b"], "long": "x" * 30_000}


@pytest.mark.parametrize(
    ("source", "made"),
    [
        ("{% set x = 1 %}{{ x + 1 }}", "2"),
        ("a\n{% set x = suite ~ 1 %}\nb {{ x }}\n", "a\nb trixie1\n"),
        ("{% for x in xs %}\n  {% set y = x | upper %}\n{{ y }}\n{% endfor %}\nend", "A\nB\nend"),
        ("{% set n = 0 %}{% for x in xs %}{% set n = n + 1 %}{{ n }}{% endfor %}{{ n }}", "110"),
        ("{% if true %}{% set x = 1 %}{% endif %}{{ x }}", "1"),
        ("{% set range = xs %}{{ range | first }}", "a"),
        ("a\n  {# note #}\nb", "a\nb"),
        ("RUN a \\\n    {% if true %}\n    && b\n    {% endif %}\n", "RUN a \\\n    && b\n"),
        ("{{ suite }}\n\n{{ suite }}\n", "trixie\n\ntrixie\n"),
        ("\u00fc\u2028{{ suite }}", "\u00fc\u2028trixie"),
        ("", ""),
        ("RUN a {% if true %}b{% endif %}\nRUN c\n", "RUN a b\nRUN c\n"),
        ("RUN {% for x in xs %}{{ x }} {% endfor %}\nRUN c\n", "RUN a b \nRUN c\n"),
        ("RUN a {# c #}\nRUN b\n", "RUN a \nRUN b\n"),
        ("  {% if true %} {# c #}{% set x = 1 %}\t\na\n{% endif %}", "a\n"),
        ("a\n{# one\ntwo #}\n\n{% raw %}\n{% x %}\n\n  {% endraw %}\nb", "a\n\n{% x %}\n\nb"),
        ("{{ suite }}{% if true %}\n{% endif %}\na", "trixie\na"),
        ("a\n  {%- if true -%}\n  b\n{%- endif %}\nc", "ab\nc"),
        ("{% if true %}\r\na\r\n{% endif %}\r\n", "a\n"),
        ("{% for\n x in xs %}\n{{ x }}\n{% endfor %}\n", "a\nb\n"),
    ],
)
def test_files_render(source: str, made: str) -> None:
    assert Templates().render_file(source, KNOWN) == made


def test_a_text_and_a_file_of_the_same_words_are_apart() -> None:
    templates, source = Templates(), "{% if true %}\nx\n{% endif %}\n"
    assert templates.render(source, {}) == "\nx\n\n"
    assert templates.render_file(source, {}) == "x\n"
    assert templates.render(source, {}) == "\nx\n\n"


def test_a_file_may_make_more_than_a_text() -> None:
    source = "{% for i in range(8) %}{{ long }}{% endfor %}"
    assert len(Templates().render_file(source, KNOWN)) == 240_000
    with pytest.raises(TemplateError, match=str(MAX_FILE)):
        Templates().render_file(source.replace("8", "9"), KNOWN)


DOUBLING = "{% set x = 'y' %}" + "{% set x = x ~ x %}" * 40
SETS = {
    "texts that double": DOUBLING,
    "lists that double": "{% set x = [1] %}" + "{% set x = x + x %}" * 40,
    "lists in lists": "{% set x = [1] %}" + "{% set x = [x, x] %}" * 40 + "{{ x }}",
    "numbers that double": "{% set x = 3 %}" + "{% set x = x * x %}" * 40,
    "copies kept": "".join(f"{{% set a{n} = long ~ {n} %}}" for n in range(2_000)),
    "sums kept": "".join(f"{{% set a{n} = long + '{n}' %}}" for n in range(2_000)),
    "slices kept": "".join(f"{{% set a{n} = long[1:] %}}" for n in range(2_000)),
    "filtered kept": "".join(f"{{% set a{n} = long|upper %}}" for n in range(2_000)),
    "pieces kept": "".join(f"{{% set a{n} = long.split('x') %}}" for n in range(1_500)),
    "in a list": "{% set a = [" + "long ~ 1," * 6_000 + "] %}",
    "in a loop": "{% for i in range(9999) %}{% set a = long ~ i %}{% endfor %}",
    "mapped": "{% set p = ('%(a)99d' * 90 ~ ',') * 40 %}"
    + "{% for i in range(99) %}{% set a = p.split(',') | map('format', a=1) | list %}{% endfor %}",
    "a loop in a loop": "{% for i in range(999) %}{% set r = range(9999) | list %}"
    "{% for j in r %}{% set x = j %}{% endfor %}{% endfor %}",
}


@pytest.mark.parametrize("source", SETS.values(), ids=SETS.keys())
def test_what_is_set_stays_small(source: str) -> None:
    templates = Templates()
    templates.render_file("{% set x = 1 %}", {})  # Jinja is imported
    tracemalloc.start()
    with pytest.raises(TemplateError):
        templates.render_file(source, KNOWN)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 150 << 20


def test_a_slice_of_what_has_none() -> None:
    for source, told in (
        ("{{ 5[1:] }}", "a value of type int has no slices"),
        ("{{ suit[1:] }}", "'suit' is undefined"),
        ("{{ {'a': 1}[1:] }}", "a value of type dict has no slices"),
        ("{{ suite['a':] }}", "slice indices"),
        ("{{ suite[::0] }}", "zero"),
        ("{{ suite.upper[1:] }}", "no slices"),
    ):
        for render in (Templates().render, Templates().render_file):
            with pytest.raises(TemplateError, match=told.replace("[", r"\[")):
                render(source, KNOWN)


def test_errors_of_texts_and_files_have_their_line() -> None:
    for source, line in (("\n\n{{ suit }}", 3), ("\n{% if %}", 2), ("\n\n\n{% include 'x' %}", 4)):
        for render in (Templates().render, Templates().render_file):
            with pytest.raises(TemplateError) as error:
                render(source, KNOWN)
            assert error.value.line == line


def test_an_ordinary_long_file_is_within_the_budget() -> None:
    source = "# a line as there are many in such files\n" * 300 + (
        "{% for i in range(100) %}\nRUN install {{ xs | join(' ') }} {{ i }}\n{% endfor %}\n"
    )
    assert Templates().render_file(source, KNOWN).count("RUN install a b") == 100
