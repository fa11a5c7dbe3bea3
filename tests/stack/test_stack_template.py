from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stackyard.stack.template import Templates, is_template
from stackyard.stack.templateerror import TemplateError

KNOWN: dict[str, Any] = {
    "suite": "trixie",
    "n": 3,
    "xs": ["a", "b"],
    "d": {"k": "v", "items": "I"},
    "flag": True,
    "nothing": None,
    "long": "x" * 30_000,
}


@pytest.fixture(scope="module")
def templates() -> Templates:
    return Templates()


@pytest.mark.parametrize(
    ("source", "made"),
    [
        ("{{ suite }}-{{ n }}", "trixie-3"),
        ("{{suite}} }} {", "trixie }} {"),
        ("{{  suite  }}", "trixie"),
        ("{{ suit | default('none') }}", "none"),
        ("{{ xs | join(', ') }}", "a, b"),
        ("{{ ','.join(xs) }}", "a,b"),
        ("{{ d.k }} {{ d['k'] }} {{ d.items }} {{ d.get('z', 'y') }}", "v v I y"),
        (
            "{% for x in xs %}{{ loop.index }}{{ x }}{% if loop.last %}.{% endif %}{% endfor %}",
            "1a2b.",
        ),
        ("{% for k, v in {'a': 1}.items() %}{{ k }}{{ v }}{% endfor %}", "a1"),
        ("{% for i in range(3) %}{{ i }}{% endfor %}", "012"),
        ("{{ 'new' if suite == 'trixie' else 'old' }}", "new"),
        ("{% if n > 5 %}a{% elif n > 2 %}b{% else %}c{% endif %}", "b"),
        ("{{ suite ~ '-' ~ n ~ flag }}", "trixie-3true"),
        ("{{ 'py' + suite.upper() }}", "pyTRIXIE"),
        ("{{ '%s-%02d' % (suite, n) }} {{ '%s!' | format(suite) }}", "trixie-03 trixie!"),
        ("{{ suite.split('i')[0] }} {{ suite[:3] }} {{ xs | first }}", "tr tri a"),
        ("{{ suite | replace('ix', 'IX') }} {{ suite.replace('t', '') }}", "trIXie rixie"),
        ("{{ 2 ** 8 + 7 // 2 - 7 % 4 }}", "256"),
        ("{{ n is defined and gone is not defined }}", "true"),
        ("{{ xs | map('upper') | list | last }}", "B"),
        ("a\n{# note #}b\n", "a\nb\n"),
        ("{% raw %}{{ suite }}{% endraw %}", "{{ suite }}"),
        ("{{ 'ab' * n }}", "ababab"),
        (
            "{{ xs[1:] | join }}{{ suite[-2:] }}{{ suite[::2] }}{{ range(9)[2:4] | join }}",
            "bietii23",
        ),
        (
            "{{ d.k | quote }} {{ 'a b; $(x)' | quote }} {{ \"it's\" | quote }} {{ '' | quote }}",
            "v 'a b; $(x)' 'it'\"'\"'s' ''",
        ),
    ],
)
def test_templates_render(templates: Templates, source: str, made: str) -> None:
    assert templates.render(source, KNOWN) == made


@settings(deadline=None)
@given(
    st.lists(
        st.sampled_from(["{{ a }}", "{{b}}", "{{ c}}", "}", "}}", " ", "x", "\n", "\r", "é", "{"])
    ),
    st.text(max_size=5),
    st.integers(),
)
def test_the_short_way_makes_what_jinja_makes(parts: list[str], text: str, number: int) -> None:
    source = "".join(parts)
    templates, values = Templates(), {"a": text, "b": number, "c": "{{ a }}"}
    try:
        expected: str | None = templates._run(templates._template(source), values)
    except TemplateError:
        expected = None
    try:
        assert templates.render(source, values) == expected
    except TemplateError:
        assert expected is None


def test_what_is_undefined_is_an_error_with_the_nearest(templates: Templates) -> None:
    for source in (
        "{{ suit }}",
        "{{ suit.x }}",
        "{{ suit ~ '' }}",
        "{{ suit | upper }}",
        "{% for x in suit %}{% endfor %}",
    ):
        with pytest.raises(TemplateError) as error:
            templates.render(source, KNOWN)
        assert "'suit' is undefined" in error.value.message
        assert error.value.hint == "did you mean 'suite'?"
    with pytest.raises(TemplateError) as error:
        templates.render("{{ d.kk }}", KNOWN)
    assert error.value.hint == "did you mean 'k'?"


ESCAPES = [
    "{{ ''.__class__.__mro__[1].__subclasses__() }}",
    "{{ ''['__class__'] }}",
    "{{ d.__class__ }}",
    "{{ ''|attr('__class__') }}",
    "{{ cycler.__init__.__globals__.os.popen('id').read() }}",
    "{{ self.__init__ }}",
    "{{ self._TemplateReference__context }}",
    "{{ range.__globals__ }}",
    "{{ suite.format.__self__ }}",
    "{{ '{0.__class__}'.format(suite) }}",
    "{{ '{0.__class__}'.format_map(d) }}",
    "{{ xs|map(attribute='__class__')|first }}",
    "{{ xs|sort(attribute='__class__') }}",
    "{{ xs|map('attr', '__class__')|first }}",
    "{% for x in xs %}{{ loop.__init__ }}{% endfor %}",
    "{% for x in xs %}{{ loop._iterable }}{% endfor %}",
    "{% include '/etc/passwd' %}",
    "{% import 'os' as os %}",
    "{% from 'os' import path %}",
    "{% extends 'x' %}",
    "{% set x = 1 %}",
    "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
    "{% for x in xs recursive %}{{ loop(xs) }}{% endfor %}",
    "{{ xs.append('c') }}",
    "{{ d.update({'k': 'w'}) }}",
    "{{ namespace() }}",
    "{{ xs[0].upper.__func__ }}",
    "{{ suite.upper }}",
    "{{ context }}",
    "{{ (suite).encode() }}",
    "{{ nothing }}",
    "{{ xs }}",
    "{{ d }}",
    "{{ suite",
    "{{ }}",
    "{% for x in xs %}",
    "{{ 1/0 }}",
    "{{ 'a' + 1 }}",
    "{{ suite() }}",
]  # fmt: skip


@pytest.mark.parametrize("source", ESCAPES)
def test_what_leaves_the_sandbox_or_has_no_text_is_refused(
    templates: Templates, source: str
) -> None:
    with pytest.raises(TemplateError):
        templates.render(source, KNOWN)
    if "{% set" not in source:  # which files may
        with pytest.raises(TemplateError):
            templates.render_file(source, KNOWN)
    assert KNOWN["xs"] == ["a", "b"]
    assert KNOWN["d"] == {"k": "v", "items": "I"}


BOMBS = [
    "{{ 10**10**10**10**10 }}",
    "{{ 10**(10**10) }}",
    "{{ 9**9**9**9 | string }}",
    "{{ (2**4000) ** 2 * (2**4000) }}",
    "{{ range(10**9) | list }}",
    "{{ range(10**9) | length }}",
    "{{ range(10**9) | sort }}",
    "{% for i in range(9999) %}{% for j in range(9999) %}{% endfor %}{% endfor %}",
    "{% for i in range(9999) %}{% for j in range(9999) %}x{% endfor %}{% endfor %}",
    "{% for i in range(9999) %}{{ long }}{% endfor %}",
    "{% for i in range(9999) %}{% if long.split('x') | length == 0 %}{% endif %}{% endfor %}",
    "{% for i in range(9999) %}{% if (long | title) == 'x' %}{% endif %}{% endfor %}",
    "{% for i in long %}{% for j in long %}{% for k in long %}{% endfor %}{% endfor %}{% endfor %}",
    "{{ 'a' * 10**9 }}",
    "{{ 10**9 * 'a' }}",
    "{{ ['a'] * 10**9 }}",
    "{{ ('a',) * 10**9 }}",
    "{{ 'a' | center(10**9) }}",
    "{{ 'a'.center(10**9) }}",
    "{{ 'a'.ljust(10**9) }}",
    "{{ 'a'.zfill(10**9) }}",
    "{{ '\\t'.expandtabs(10**9) }}",
    "{{ 'a' | indent(10**9) }}",
    "{{ '%1000000000d' % 1 }}",
    "{{ '%1000000000d' | format(1) }}",
    "{{ '%*d' % (10**9, 1) }}",
    "{{ '%.1000000000f' % 1 }}",
    "{{ '{:1000000000}'.format(1) }}",
    "{{ ('%99d' * 300) % 1 }}",
    "{{ long | replace('x', long) }}",
    "{{ long.replace('x', long) }}",
    "{{ long ~ long }}",
    "{{ long + long }}",
    "{{ [long, long] | join }}",
    "{{ ''.join([long, long]) }}",
    "{{ xs | join(long) | replace('x', xs | join(long)) }}",
    "{{ range(9999) | join(long) }}",
    "{{ 1 | round(10**9, 'ceil') }}",
    "{{ 1.5 | round(10**9) }}",
    "{{ lipsum(10**6) }}",
    "{{ xs | batch(10**9, 'x') | list }}",
    "{{ xs | slice(10**9) | list }}",
    "{{ long | list + long | list }}",
    "{{ " + "(" * 3000 + "1" + ")" * 3000 + " }}",
    "{{ " + "not " * 5000 + "1 }}",
    "{{ " + "1+" * 10_000 + "1 }}",
    "{{ " + "[" * 8000,
    "{% if 1 %}" * 1000 + "{% endif %}" * 1000,
    "{% for a in xs %}" * 30 + "x" + "{% endfor %}" * 30,
    "{{ 1 }}" + " " * 40_000,
    "{{" * 16_000,
    "{#" * 16_000,
    "{% raw %}" * 3000,
]  # fmt: skip


@pytest.mark.parametrize("source", BOMBS, ids=lambda source: source[:40])
def test_what_would_take_for_ever_is_refused(source: str) -> None:
    templates = Templates()
    templates.render("{% if true %}{% endif %}", {})  # Jinja is imported
    with pytest.raises(TemplateError):
        templates.render(source, KNOWN)
    with pytest.raises(TemplateError):
        templates.holds(source, KNOWN)
    if len(source) < 30_000:  # a file may be longer
        with pytest.raises(TemplateError):
            templates.render_file(source.replace("{{ 1 }}", "{{ }}"), KNOWN)


def test_all_templates_together_have_a_budget() -> None:
    templates = Templates()

    def render_many() -> None:
        for _ in range(5_000_000 // 90_000 + 1):
            templates.render("{% for i in 'x' * 999 %}" + "{# #}" * 600 + "{% endfor %}", {})

    with pytest.raises(TemplateError, match="in all"):
        render_many()


@pytest.mark.parametrize(
    ("expression", "holds"),
    [
        ("suite == 'trixie'", True),
        ("n > 3 or not flag", False),
        ("'a' in xs", True),
        ("''", False),
        ("nothing", False),
        ("xs | length == 2", True),
        ("variant is defined", False),
    ],
)
def test_conditions(templates: Templates, expression: str, holds: bool) -> None:
    assert templates.holds(expression, KNOWN) is holds


@pytest.mark.parametrize(
    ("expression", "told"),
    [
        ("suit", "undefined"),
        ("{{ suite }}", "without braces"),
        ("flag flag", "goes on"),
        ("flag %}x", "not a valid template"),
        ("flag }} x", "not a valid template"),
        ("", "not a valid template"),
        ("''.__class__", "not allowed"),
    ],
)
def test_conditions_that_are_none(templates: Templates, expression: str, told: str) -> None:
    with pytest.raises(TemplateError) as error:
        templates.holds(expression, KNOWN)
    assert told in f"{error.value.message} {error.value.hint}"


def test_names_are_those_that_a_template_needs(templates: Templates) -> None:
    source = "{{ a }}{% for x in b %}{{ x }}{{ c | default(d) }}{% endfor %}"
    assert templates.names(source) >= {"a", "b", "c", "d"}
    assert "x" not in templates.names(source)


def test_only_marks_of_jinja_make_a_template() -> None:
    assert not any(map(is_template, ["", "a", "${HOME}", "{a}", "}}", "%}"]))
    assert all(map(is_template, ["{{", "{% x", "a {# b"]))
