from __future__ import annotations

from typing import Any

import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from stackyard.stack.document import Node, SequenceNode, parse, plain
from stackyard.stack.problems import Problems
from stackyard.stack.render import Renderer, is_static
from stackyard.stack.template import Templates

TEMPLATES = Templates()


def render(text: str, **variables: Any) -> Any:
    problems = Problems()
    node = Renderer(TEMPLATES, variables, problems).render(parse(text, "f"), "x")
    problems.check()
    assert node is not None
    return plain(node)


def shape(node: Node) -> Any:
    if isinstance(node, SequenceNode):
        return [shape(item) for item in node.items]
    entries = getattr(node, "entries", None)
    return None if entries is None else {key: shape(value) for key, value in entries.items()}


LEAVES = st.sampled_from(
    ["{{ a }}", "x{{ b }}", "{{ a ~ b }}", "{% if a %}{{ b }}{% endif %}", "w"]
)
DOCUMENTS = st.recursive(
    LEAVES,
    lambda below: (
        st.lists(below, max_size=3)
        | st.dictionaries(st.sampled_from(["p", "q", "r"]), below, max_size=3)
    ),
    max_leaves=10,
)
HOSTILE = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=20),
    st.sampled_from(
        [
            "a: 1",
            "[x, y]",
            "- a\n- b",
            "{when: true}",
            "{{ a }}",
            "*x",
            "&y z",
            "\nlayers: {}",
            "!!t",
        ]
    ),
)


@settings(deadline=None)
@given(DOCUMENTS, HOSTILE, HOSTILE)
def test_a_value_never_changes_the_structure(document: Any, one: str, two: str) -> None:
    node = parse(yaml.safe_dump(document), "f")
    rendered = Renderer(TEMPLATES, {"a": one, "b": two}, Problems()).render(node, "x")
    assert rendered is not None
    assert shape(rendered) == shape(node)


@settings(deadline=None)
@given(HOSTILE)
def test_a_value_arrives_as_it_is(value: str) -> None:
    assert render("k: '{{ a }}'", a=value) == {"k": value}


def test_keys_are_not_rendered() -> None:
    assert render("'{{ a }}': '{{ a }}'", a="v") == {"{{ a }}": "v"}


def test_what_a_template_makes_is_text() -> None:
    assert render("[1, '{{ n }}', '{{ f }}', true]", n=2, f=True) == [1, "2", "true", True]


def test_conditions_drop_keep_and_splice() -> None:
    text = """
    - one
    - {when: "a == 'x'", value: two}
    - {when: "a == 'y'", value: "{{ undefined }}"}
    - {when: "true", value: [three, "{{ a }}", {when: false, value: gone}]}
    - {when: true, from: "{{ a }}", to: /x}
    - {when: false, from: f, to: /y}
    """
    assert render(text, a="x") == ["one", "two", "three", "x", {"from": "x", "to": "/x"}]


def test_a_condition_stands_in_lists_only() -> None:
    assert render("{env: {when: never}}") == {"env": {"when": "never"}}


def test_what_fails_is_told_with_place_and_key() -> None:
    problems = Problems()
    text = "a: ok\nb:\n  - '{{ suit }}'\n  - {when: suit, value: x}\n  - {when: [1], value: x}\n"
    node = Renderer(TEMPLATES, {"suite": "x"}, problems).render(parse(text, "f.yaml"), "layers.l")
    assert node is None
    assert [str(problem) for problem in problems.found] == [
        "f.yaml:3: layers.l.b[0]: 'suit' is undefined (did you mean 'suite'?)",
        "f.yaml:4: layers.l.b[1].when: 'suit' is undefined (did you mean 'suite'?)",
        "f.yaml:5: layers.l.b[2].when: expected an expression, such as \"suite == 'trixie'\"",
    ]


def test_static_is_what_no_variable_changes() -> None:
    for text in ("{a: [1, b], c: {when: x}}", "x", "{}"):
        assert is_static(parse(text, "f"))
    for text in ("{a: ['{{ b }}']}", "[{when: true, value: x}]", "'{# #}'"):
        assert not is_static(parse(text, "f"))
