from __future__ import annotations

import re
from pathlib import Path

import pytest

from stackyard.errors import InputError
from stackyard.stack.document import MappingNode, ScalarNode, parse, plain, read_document


def mapping(text: str) -> MappingNode:
    node = parse(text, "f.yaml")
    assert isinstance(node, MappingNode)
    return node


def refusal(text: str) -> str:
    with pytest.raises(InputError) as error:
        parse(text, "f.yaml")
    return str(error.value)


def test_every_key_and_value_knows_its_line() -> None:
    node = mapping("a: 1\nb:\n  - x\n  - {c: y}\n")
    assert [(key, where.line) for key, where in node.keys.items()] == [("a", 1), ("b", 2)]
    items = node.entries["b"].items  # type: ignore[union-attr]
    assert [item.where.line for item in items] == [3, 4]
    assert str(items[1].where) == "f.yaml:4"


def test_scalars_follow_yaml_1_2_and_keep_their_text() -> None:
    node = mapping(
        "{on: yes, v: 3.10, i: -7, o: 0o17, x: 0xff, t: true, n: , s: '1', z: 0644, f: 1e3}"
    )
    assert plain(node) == {
        "on": "yes", "v": 3.1, "i": -7, "o": 15, "x": 255, "t": True, "n": None, "s": "1",
        "z": 644, "f": 1000.0,
    }  # fmt: skip
    version = node.entries["v"]
    assert isinstance(version, ScalarNode)
    assert version.text == "3.10"
    assert plain(parse("[1:30, .inf, 1e999, -, '', 12345678901234567890]", "f")) == [
        "1:30", ".inf", "1e999", "-", "", 12345678901234567890.0,
    ]  # fmt: skip


def test_anchors_and_aliases_work() -> None:
    assert plain(parse("{a: &x [1, 2], b: *x}", "f")) == {"a": [1, 2], "b": [1, 2]}


def test_an_empty_document_is_an_empty_mapping() -> None:
    for text in ("", "# nothing\n", "---\n", "~"):
        assert plain(parse(text, "f")) == {}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            "a: 1\nb: 2\na: 3\n",
            "f.yaml:3: reading the stack file: the key 'a' is here twice; first in line 1",
        ),
        ("a: {x: 1,\n x: 2}", "f.yaml:2"),
        ("a: [1, 2", "not valid YAML"),
        ("a:\n\tb: 1", "f.yaml:2"),
        ("a: *x", "alias"),
        ("a: &x [*x]", "stands for nothing complete"),
        ("a: !!python/object/apply:os.system [ls]", "tag"),
        ("a: !x 1", "tag"),
        ("a: 1\n---\nb: 2", "second document"),
        ("a: {{ uid }}", "quotes"),
        ("? [a]\n: 1", "not a plain word"),
        ("a: &x {b: 1}\nc: {<<: *x}", "merge"),
        ("a: \x07", "not valid YAML"),
    ],
)
def test_what_is_not_a_plain_document_is_refused(text: str, told: str) -> None:
    assert told in refusal(text)


def test_bombs_are_refused_quickly() -> None:
    laughs = "a0: &a0 [lol, lol, lol, lol, lol, lol, lol, lol, lol]\n" + "".join(
        f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 12)
    )
    assert "values, aliases written out" in refusal(laughs)
    # Some versions of libyaml have a limit of their own, and are first.
    assert re.search("levels deep|nesting depth", refusal("[" * 50_000))
    assert re.search("levels deep|nesting depth", refusal("{a: " * 50_000))
    assert "levels deep" in refusal("- " * 50_000)
    assert "levels deep" in refusal(
        "a0: &a0 [x]\n" + "".join(f"a{n}: &a{n} [*a{n - 1}]\n" for n in range(1, 60))
    )
    assert "characters, aliases" in refusal(f"a: &a {'x' * 500_000}\nb: [{', '.join(['*a'] * 9)}]")
    assert "values, aliases" in refusal("[" + "1," * 200_000 + "]")


def test_a_file_is_read_within_bounds(tmp_path: Path) -> None:
    def told(name: str) -> str:
        with pytest.raises(InputError) as error:
            read_document(tmp_path / name, name)
        return str(error.value)

    (tmp_path / "big").write_bytes(b"a: " + b"x" * (1 << 20))
    (tmp_path / "latin").write_bytes(b"a: 1\nb: \xe9\n")
    (tmp_path / "list").write_text("- a\n")
    (tmp_path / "word").write_text("stack")
    assert "larger than" in told("big")
    assert told("latin") == "latin:2: reading the stack file: it is not UTF-8"
    assert "found a list, expected a mapping" in told("list")
    assert "found 'stack', expected a mapping" in told("word")
    assert "there is no such file" in told("none")
    assert "it is not a file" in told(".")
    (tmp_path / "bom").write_bytes(b"\xef\xbb\xbfa: 1\n")
    assert plain(read_document(tmp_path / "bom", "bom")) == {"a": 1}
