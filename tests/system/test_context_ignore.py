from __future__ import annotations

import posixpath
import re

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from stackyard.errors import InputError
from stackyard.system.ignore import Ignore


def ignores(text: str, path: str) -> bool:
    return Ignore.parse(text, ".dockerignore")(path)


@pytest.mark.parametrize(
    ("text", "left_out", "seen"),
    [
        # https://docs.docker.com/build/concepts/context/#dockerignore-files
        ("*/temp*", ["a/temporary.txt", "a/temp", "a/temp/x"], ["temp", "a/b/temp"]),
        ("*/*/temp*", ["a/b/temporary.txt"], ["a/temp", "a/b/c/temp"]),
        ("temp?", ["tempa", "tempb/x"], ["temp", "tempaa", "x/tempa"]),
        ("/foo/bar\nfoo/bar/", ["foo/bar", "foo/bar/x"], ["foo", "x/foo/bar", "foo/barx"]),
        ("**/*.go", ["a.go", "x/y/a.go", "a.go/b"], ["a.gox", "go"]),
        ("*.md\n!README.md", ["a.md"], ["README.md"]),
        ("*.md\n!README*.md\nREADME-secret.md", ["README-secret.md"], ["README-a.md"]),
        ("*.md\nREADME-secret.md\n!README*.md", ["a.md"], ["README-secret.md"]),
        # and what else it can say
        ("docs\n!docs/a/b", ["docs", "docs/x", "docs/a", "docs/a/c"], ["docs/a/b", "docs/a/b/c"]),
        ("*\n!a/*.txt", ["a", "a/b.md", "b.txt", "a/c/d.txt"], ["a/b.txt", "a/b.txt/c"]),
        ("!a\na", ["a"], []),
        ("a\n# a\n #b\n! a ", ["#b"], ["a", "# a"]),
        ("  a  \r\n\n\tb\t\n", ["a", "b"], ["c"]),
        ("\ufeffa", ["a"], []),
        ("a/../b/./c//d", ["b/c/d"], ["a", "b/c"]),
        (".\n/\n..\n../a\n./", [], ["a", ".a", "b/a"]),
        ("./a\n//b", ["a", "b"], []),
        ("a/**", ["a/b", "a/b/c"], ["a", "ab"]),
        ("a/**/b", ["a/b", "a/x/b", "a/x/y/b/z"], ["a/xb", "a/b_"]),
        ("**", ["a", "a/b", ".c"], []),
        ("**/a/**/b/**", ["a/b/c", "x/a/y/b/z"], ["a/b", "b/a"]),
        ("**/a/b", ["a/b", "a/a/b", "x/a/b/c"], ["a/x/b"]),
        ("**/**/a", ["a", "x/a", "x/y/a"], ["xa"]),
        ("**a", ["a", "xa", "x/ya", "xa/b"], ["ab"]),
        ("**a/b", ["xa/b", "y/xa/b"], ["a/c"]),
        ("**a?", ["ab", "x/ab"], ["xab"]),
        ("a**", ["a", "ab", "ab/c", "a/b"], ["xa"]),
        ("a**b", ["ab", "a/b", "ax/y/b"], ["axb", "a/xb"]),
        ("a**/b", ["ab", "a/b", "ax/y/b"], ["axb"]),
        ("a***", ["a", "abc"], ["b"]),
        ("[a-cx]1", ["a1", "c1", "x1"], ["d1", "-1", "/1"]),
        ("[^a]", ["b", "^"], ["a"]),
        ("[!a]", ["!", "a"], ["b"]),
        ("a[^b]c", ["axc"], ["abc", "a/c"]),
        (r"[\]\-\\]", ["]", "-", "\\"], ["a"]),
        (r"\*\?\[\!a", ["*?[!a"], ["xx[!a"]),
        (r"\#a", ["#a"], []),
        (r"\!a", ["!a"], ["a"]),
        (r"a\**", ["a*", "a*b"], ["ab"]),
        ("a.c+(d)|e${f}", ["a.c+(d)|e${f}"], ["abc+(d)|e${f}"]),
        ("é?\n*ß", ["éß", "éa", "xß"], ["e"]),
        ("a\u2028b", ["a\u2028b"], ["a", "b"]),
        ("a*b", ["ab", "a\nb", "axxb"], ["a/b"]),
        ("a*a*b?c*", ["aabxc", "axaxbxcx"], ["abxc", "aabc"]),
        ("*a*", ["a", "xay/b"], ["x/a"]),
    ],
)
def test_what_is_left_out(text: str, left_out: list[str], seen: list[str]) -> None:
    ignore = Ignore.parse(text, ".dockerignore")
    assert {path: ignore(path) for path in [*left_out, *seen]} == {
        **dict.fromkeys(left_out, True),
        **dict.fromkeys(seen, False),
    }


@pytest.mark.parametrize(
    ("pattern", "told"),
    [
        ("!", "there is nothing after the !"),
        ("! ", "there is nothing after the !"),
        ("a[b", "a [ without letters and a ]"),
        ("[]", "a [ without letters and a ]"),
        ("[^]", "a [ without letters and a ]"),
        ("[a/b]", "a [ without letters and a ]"),
        ("[c-a]", "c-a is no range"),
        ("a\\", "nothing follows the last \\"),
        ("/".join(["a**b"] * 5), "too many ** within names"),
    ],
)
def test_a_pattern_that_is_wrong(pattern: str, told: str) -> None:
    with pytest.raises(InputError, match=r"^C\.dockerignore:2: the pattern ") as caught:
        Ignore.parse(f"# c\n{pattern}\n", "C.dockerignore")
    assert told in caught.value.message


def test_only_exceptions_bring_something_back() -> None:
    assert Ignore.parse("a\n!a/b\n", "x").keeps_some
    assert not Ignore.parse("a\nb\n", "x").keeps_some
    assert not Ignore()("a")


@pytest.mark.parametrize(
    "pattern",
    [
        "*a" * 40 + "b",
        "**/a/" * 40 + "b",
        "**/*a*a*a*a*/" * 20 + "b",
        "a**a*a*a*a*a/" * 4 + "b",
        "*?" * 60 + "b",
        "[^b]*" * 60 + "b",
    ],
)
def test_patterns_made_to_be_slow_are_not(pattern: str) -> None:
    ignore = Ignore.parse(pattern, "x")
    for path in ("a" * 255, "a/" * 2000 + "a", "/".join(["a" * 100] * 20)):
        assert not ignore(path)


def plain(pattern: str) -> str:
    """The same pattern by a regular expression that may be slow."""
    if pattern.startswith("**") and not re.search(r"[*?[]", pattern[2:]):
        rest = pattern[2:]
        return "(?:.*/)?" + re.escape(rest[1:]) if rest[:1] == "/" else ".*" + re.escape(rest)
    return re.sub(
        r"\*\*/?$|\*\*/?|\*|\?|\[[^]]*\]|.",
        lambda found: {
            "**": ".*" if found.end() == len(pattern) else "(?:.*/)?",
            "**/": "(?:.*/)?",
            "*": "[^/]*",
            "?": "[^/]",
        }.get(found[0], found[0] if found[0].startswith("[") else re.escape(found[0])),
        pattern,
    )


PATTERNS = st.lists(
    st.sampled_from(["a", "b", "ab", "*", "**", "**/", "/", "?", "[a]", "."]),
    min_size=1,
    max_size=7,
).map("".join)
PATHS = st.lists(st.text("ab.", min_size=1, max_size=4), min_size=1, max_size=4).map("/".join)


@settings(max_examples=300, deadline=None)
@example("a**b**a", "aba")
@given(PATTERNS, PATHS)
def test_patterns_are_as_plain_ones(pattern: str, path: str) -> None:
    cleaned = posixpath.normpath(pattern).lstrip("/")
    assume("***" not in cleaned and cleaned not in ("", "."))
    expected = re.fullmatch(f"(?:{plain(cleaned)})(?:/.*)?", path) is not None
    assert ignores(pattern, path) is expected
