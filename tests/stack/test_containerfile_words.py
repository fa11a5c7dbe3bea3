from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stackyard.stack.flags import split_flags, written_flag
from stackyard.stack.shellwords import WordError, expand, split, unquoted

ENV = {"A": "a b", "EMPTY": "", "P": "/x/y.tar.gz", "_1": "one", "é": "accent"}


def filled(text: str, **more: str | bool) -> str:
    return expand(text, ENV.get, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # https://docs.docker.com/reference/dockerfile/#environment-replacement
        ("$A ${A}x $Ax ${_1} $é", "a b a bx  one accent"),
        ("\\$A \\\\$A '$A' \"$A\" \"\\$A\"", '$A \\a b $A a b $A'),
        ("${A:-no} ${NO:-no} ${EMPTY:-no} ${EMPTY-no} ${NO-no} ${NO:-$A}", "a b no no  no a b"),
        ("${A:+yes} ${NO:+yes}|${EMPTY:+yes}|${EMPTY+yes}", "yes ||yes"),
        ("${A:?} ${A?no}", "a b a b"),
        ("${P#*/} ${P##*/} ${P%.*} ${P%%.*} ${P#x} ${P%x}",
         "x/y.tar.gz y.tar.gz /x/y.tar /x/y /x/y.tar.gz /x/y.tar.gz"),
        ("${P#/?/} ${P%?gz} ${P#\\/x}", "y.tar.gz /x/y.tar /y.tar.gz"),
        ("${P/./-} ${P//./-} ${P//[/-} ${P/\\//}",
         "/x/y-tar.gz /x/y-tar-gz /x/y.tar.gz x/y.tar.gz"),
        ("${P#*/*a} ${P##*/*.} ${P%*a*} ${P%%*a*}|${P/x*a*./-} ${P//?*/-}",
         "r.gz gz /x/y.t |/-gz -"),
        ("${NO#a}|${NO/a/b}|$", "||$"),
        ("$1|$12|$@|$*|$#|$?|$-|$!|$(A)|$ A", "||||||||$(A)|$ A"),
        ("${A:-}}", "a b}"),
        ("a\\", "a"),
    ],
)  # fmt: skip
def test_variables_are_filled_in(text: str, expected: str) -> None:
    assert filled(text) == expected


def test_quotes_may_mean_nothing_and_the_escape_may_be_another() -> None:
    assert filled("'$A' \"x\" it's \\$A \\n", quotes=False) == "'a b' \"x\" it's $A n"
    assert filled("`$A \\$A '`'", escape="`") == "$A \\a b `"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("'", "a single quote has no end"),
        ('"$A', "a double quote has no end"),
        ("${", "is not followed by a name"),
        ("${}", "is not followed by a name"),
        ("${:-x}", "is not followed by a name"),
        ("${A", "${A…} is not understood"),
        ("${A:-x", "a '}' is missing"),
        ("${A/x}", "a '/' is missing"),
        ("${A^^}", "${A^…} is not understood"),
        ("${A:=x}", "the mark = in ${…} is not understood"),
        ("${A:", "${A…} is not understood"),
        ("${NO:?say it}", "NO: say it"),
        ("${NO?}", "NO: it has no value"),
        ("${EMPTY:?}", "EMPTY: it has no value"),
        ("${A#\\x}", "the escape \\x is not understood"),
        ("${A:-" * 100, "nested too deeply"),
    ],
)
def test_what_is_not_understood(text: str, told: str) -> None:
    with pytest.raises(WordError) as caught:
        filled(text)
    assert told in str(caught.value)


@pytest.mark.parametrize("mark", ["#", "##", "%", "%%", "/", "//"])
def test_patterns_made_to_be_slow_are_not(mark: str) -> None:
    text = f"${{V{mark}{'*a' * 30}b{'/x' if '/' in mark else ''}}}"
    assert expand(text, {"V": "a" * 3_000}.get) == "a" * 3_000
    with pytest.raises(WordError, match="more than 10000 characters"):
        expand(text, {"V": "a" * 10_001}.get)


def test_words_keep_what_was_written() -> None:
    assert split("a 'b c'\"d $e\" \\ f ${g:-h i} $j'k'") == [
        *("a", "'b c'\"d $e\"", "\\ f", "${g:-h", "i}", "$j'k'"),
    ]
    assert unquoted("a 'b c'd \"e\\\"\" \\'f ''") == ["a", "b cd", 'e"', "'f"]


@given(st.text("a \\'\"$-{}=\t"))
def test_a_flag_is_read_as_it_was_written(text: str) -> None:
    flag = f"--x={text}"
    assert split_flags(f"{written_flag(flag)} rest --y") == ([flag], "rest --y")
