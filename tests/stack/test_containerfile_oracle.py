"""Containerfiles are read as BuildKit's own parser, in PyPI's `dockerfile`, reads them."""

from __future__ import annotations

import importlib
import importlib.util
import re
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stackyard.stack.containerfile import ContainerfileError, parse

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("dockerfile") is None,
    reason="PyPI's dockerfile, which is built for Linux on x86_64 only, is not installed",
)

Read = list[tuple[Any, ...]]


@pytest.fixture(scope="module")
def buildkit() -> ModuleType:
    return importlib.import_module("dockerfile")


def theirs(buildkit: ModuleType, text: str) -> Read | None:
    """What BuildKit reads; None when it refuses, at once or when it meets the instruction."""
    try:
        commands = buildkit.parse_string(text)
    except buildkit.GoParseError as error:
        # An empty file is refused where its parent is looked for.
        return [] if "no instructions" in str(error) else None
    known = {command.cmd for command in commands}
    if None in known or any(not is_known(word) for word in known):
        return None
    return [
        (
            command.cmd.upper(),
            tuple(command.flags),
            command.start_line,
            command.end_line,
            [
                (heredoc.name, heredoc.file_descriptor, heredoc.content)
                for heredoc in command.heredocs
            ],
        )
        for command in commands
    ]


def chomped(read: Read | None, text: str) -> Read | None:
    """What BuildKit reads, less the tabs that it takes away when it uses what it has read."""
    if read is None or ours(text) is None:
        return read
    marks = [
        [doc.written for doc in one.heredocs] if one.word != "ONBUILD" else []
        for one in parse(text)
    ]
    if [len(docs) for *_, docs in read] != [len(written) for written in marks]:
        return read
    return [
        (*parts, [_without_tabs(doc, mark) for doc, mark in zip(docs, written, strict=True)])
        for (*parts, docs), written in zip(read, marks, strict=True)
    ]


def _without_tabs(doc: tuple[str, int, str], mark: str) -> tuple[str, int, str]:
    name, number, content = doc
    return name, number, re.sub(r"(?m)^\t+", "", content) if "<<-" in mark else content


def is_known(word: str) -> bool:
    try:
        parse(word)
    except ContainerfileError:
        return False
    return True


def ours(text: str) -> Read | None:
    try:
        found = parse(text)
    except ContainerfileError:
        return None
    return [
        (
            one.word,
            one.flags,
            one.line,
            one.end,
            # The parser gives those of ONBUILD to nobody.
            [(doc.name, int(doc.descriptor or 0), doc.content) for doc in one.heredocs]
            if one.word != "ONBUILD"
            else [],
        )
        for one in found
    ]


HAND_WRITTEN = [
    "FROM a\nRUN <<EOF\nx\n\ty\nEOF\nRUN b\n",
    "FROM a\nRUN cat <<A 3<<'B C' <<\"D\"'E'\n1\nA\n2\nB C\n3\nDE\n",
    "FROM a\nRUN cat <<EOF>x\na\nEOF\nEOF>x\n",
    "FROM a\nRUN cat <<EOF;\nEOF;\nRUN (cat <<EOF)\nEOF)\n",
    "FROM a\nRUN cat <<< x\nRUN echo $((1<<3)) $((1 << 3))\n",
    "FROM a\nRUN echo '<<EOF' \"<<EOF\" \\<<EOF <\\<EOF\n",
    "FROM a\nRUN echo \"it's <<EOF\nRUN it's <<EOF\n",
    "FROM a\nRUN ${x^^} <<EOF\nRUN b\n",
    "FROM a\nRUN ${x:1:2} ${x:=3} ${x:-a b} $x $1 $@ <<EOF\nEOF\n",
    'FROM a\nRUN ["a", "<<EOF"]\nRUN ["a", <<EOF\nEOF\n',
    "FROM a\nCOPY --chown='1 2' --chmod=6\\ 4 <<A b <<B /d/\nA\nB\n",
    "FROM a\nADD <<-A /x\n\tz\n\tA\n\tA\nRUN x\n",
    "FROM a\nONBUILD RUN <<E\nx\nE\nONBUILD CMD <<E\n",
    "FROM a\nRUN a \\\n  # c\n\n b \\ \t\n c\nRUN d\\\\\nRUN e\\",
    "FROM a\n\\\nRUN x\n# c \\\nRUN y\n",
    "FROM a\nRUN <<E \\\n && <<F\nE\nF\n",
    "\ufeff# escape=`\nFROM a\nRUN `\n b\\\nCOPY <<E`F <<G\\H /d/\nE`F\nGH\n",
    "# syntax=x\n# Escape = `\n# c\nFROM a `\n AS b\n",
    "# c\n# escape=`\nFROM a\nRUN b `\nRUN c\n",
    "# escape=x\nFROM a\n",
    "# escape=`\n# escape=`\nFROM a\n",
    "\n# escape=`\nFROM a `\nRUN c\n",
    "  #escape=`\nFROM a `\n AS c\n",
    "FROM a\r\nRUN b \\\r\n c <<E\r\nd\r\nE\r\n",
    "FROM a\nRUN <<E\nx\n",
    'FROM a\nRUN <<""\n\n',
    'FROM a\nRUN <<E\'"\'F <<G\\\'H <<"I\\J" <<"K\\"L"\nE"F\nG\'H\nI\\J\nK"L\n',
    "FROM a\nRUN <<$X <<${Y:-z}\n$X\n${Y:-z}\n",
    "FROM a\nRUN --a -- --b\nRUN --\nRUN --c='d \\' e' f\nRUN --\"g h\"=i\n",
    "FROM a\nrun\tx\nRun\x0bx\nRUN\u00a0x\n",
    "FROM a\nRUN <<E\u2028F\nx\u2028y\x0cz\x85\n\u2028\nE\u2028F\n",
    "",
    "# c\n",
    "FROM a\nRUM x\n",
    "FROM a\nRUN " + "x" * 65_531 + "\n",
    "FROM a\nRUN " + "x" * 65_532 + "\n",
    "FROM a\nRUN <<E\n" + "x" * 70_000 + "\nE\n",
]


@pytest.mark.parametrize("text", HAND_WRITTEN)
def test_what_is_written_by_hand(buildkit: ModuleType, text: str) -> None:
    expected = theirs(buildkit, text)
    assert ours(text) == chomped(expected, text)


LETTERS = st.sampled_from(
    [*"aE \t\\'\"$<-#`[]{}:=1\n\r", "\\\n", "<<E", "\nE\n", "${", "--", " <<'E'"]
)
LINES = st.builds(
    "{} {}".format,
    st.sampled_from(["RUN", "COPY", "add", "CMD", "FROM", "ONBUILD RUN", "ENV", "#", "# escape="]),
    st.lists(LETTERS, max_size=12).map("".join),
)
MARKS = st.tuples(
    st.sampled_from(["<<", "<<-", "3<<", "x<<", "<<<", "<"]),
    st.sampled_from(["E", "'E'", '"E F"', "E\\F", "$E", "E;", "E>f", "é", "E'"]),
)
CONTENT = st.text("aE$\\#\t \r\u2028", max_size=5)


@st.composite
def with_heredocs(draw: st.DrawFn) -> str:
    """An instruction with what may be heredocs, and lines that may end them."""
    marks = draw(st.lists(MARKS, min_size=1, max_size=3))
    words = [draw(st.sampled_from(["RUN", "COPY", "ADD --chmod=1", "ONBUILD RUN", "ENV"]))]
    lines = []
    for sign, word in marks:
        words += [sign + word, draw(st.sampled_from(["", "x", "\\\n", "&& \\\n# c\n"]))]
        end = word.replace("'", "").replace('"', "").replace("\\", "")
        lines += [*draw(st.lists(CONTENT, max_size=2)), draw(st.sampled_from(["", "\t"])) + end]
    return "\n".join([" ".join(words), *lines])


FILES = st.lists(LINES | with_heredocs(), max_size=4).map("\n".join)


@settings(max_examples=600, deadline=None)
@given(text=FILES)
def test_what_is_made_up(buildkit: ModuleType, text: str) -> None:
    expected = theirs(buildkit, text)
    if expected is not None:  # what it refuses for its arguments is not looked at here
        assert ours(text) == chomped(expected, text)
