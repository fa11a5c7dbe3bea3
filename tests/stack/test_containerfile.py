from __future__ import annotations

import pytest

from stackyard.stack.containerfile import ContainerfileError, parent_argument, parse


@pytest.mark.parametrize(
    "text",
    [
        "ARG B\nFROM $B\n",
        "ARG B=debian:12\nFROM ${B}\nRUN x\n",
        "# c\narg A=1 B\nfrom --platform=linux/amd64 ${B:-debian:12} as Last\n",
        'ARG B\nFROM "$B"\n',
        'ARG B\nFROM "${B-x}"\n',
        "ARG B\nFROM debian:12 AS build\nRUN make\nFROM $B\nCOPY --from=build /a /a\n",
        "ARG B\nFROM $B AS One\nFROM one AS two\nFROM TWO\n",
        "ARG B\nFROM $B AS a\nFROM a AS A\nFROM a\n",
        "ARG B\nFROM scratch AS a\nFROM $B AS a\nFROM a\n",
        "# escape=`\nARG B\nFROM `\n  # c\n $B\n",
        "ARG \\\n  B\nFROM $B\nRUN <<E\nFROM debian:12\nE\n",
    ],
)
def test_the_argument_that_the_last_stage_is_from(text: str) -> None:
    assert parent_argument(text) == "B"


@pytest.mark.parametrize(
    ("text", "line", "message", "hint"),
    [
        ("", 0, "it has no FROM", "write `ARG BASE_IMAGE` first"),
        ("# c\n\nARG A\n", 0, "it has no FROM", "write `ARG BASE_IMAGE` first"),
        ("# c\nRUN x\nFROM y\n", 2, "RUN stands before the first FROM", "ARG BASE_IMAGE"),
        ("FROM debian:12\n", 1, "its last stage is FROM debian:12, not what", "FROM $BASE_IMAGE"),
        ("ARG B\nFROM $B\nFROM scratch\n", 3, "its last stage is FROM scratch, not", "last stage"),
        ("ARG A\nARG B\nFROM $A:$B\n", 3, "its last stage is FROM $A:$B, not", "last stage"),
        ("ARG B\nFROM ${B}-slim\n", 2, "FROM ${B}-slim, not what", "last stage"),
        ("ARG B\nFROM '$B'\n", 2, "FROM '$B', not what", "last stage"),
        ("ARG B\nFROM ${B:+x}\n", 2, "FROM ${B:+x}, not what", "last stage"),
        ("ARG B\nFROM a:1 AS a\nFROM $B AS b\nFROM a\n", 2, "FROM a:1, not what", "last stage"),
        ("ARG B\nFROM later\nFROM $B AS later\nFROM x AS y\n", 4, "FROM x, not what", "last"),
        ("FROM $B\n", 1, "no ARG before the first FROM declares B", "write `ARG B` first"),
        ("FROM x AS y\nARG B\nFROM $B\n", 3, "no ARG before the first FROM", "write `ARG B` first"),
        ("ARG b\nFROM $B\n", 2, "no ARG before the first FROM", "write `ARG B` first"),
        ("ARG B\nFROM $B b\n", 2, "FROM $B b: not one image", "FROM $BASE_IMAGE"),
        ("ARG B\nFROM\n", 2, "not one image", "FROM $BASE_IMAGE"),
        ("ARG B='\nFROM $B\n", 1, "ARG B=': a single quote has no end", None),
        ("ARG B\nFROM $B\nRUM x\n", 3, "unknown instruction 'RUM'", "did you mean 'RUN'?"),
        ("ARG B\nFROM $B\n\\\n", 3, "unknown instruction ''", "known: ADD"),
        ("ARG B\nFROM $B\n\nRUN cat <<-'E F'\nx\n", 4, "<<-'E F' has no end", "a line E F"),
        ("# escape=x\n", 1, "'# escape=x': a line is continued by", "one of these"),
        ("# syntax=x\n#Syntax = y\n", 2, "a second '# syntax=' at the top", "leave one out"),
        ("ARG B\nRUN " + "x" * 65_536, 2, "the line has more than 65535 bytes", "COPY it"),
        ("ARG B\nRUN <<E\n" + "é" * 40_000 + "\nE", 3, "the line has more than", "COPY it"),
    ],
)
def test_what_is_refused(text: str, line: int, message: str, hint: str | None) -> None:
    with pytest.raises(ContainerfileError) as caught:
        parent_argument(text)
    assert message in caught.value.message
    assert caught.value.line == line
    assert hint in caught.value.hint if hint and caught.value.hint else caught.value.hint is hint


def test_a_heredoc() -> None:
    text = "RUN --mount=type=tmpfs,target=/t cat <<-A 3<<'B' \\\n  > x\n\t\t$a\n\tA\n\tb\nB\n"
    [run] = parse(text)
    assert (run.word, run.flags) == ("RUN", ("--mount=type=tmpfs,target=/t",))
    assert (run.arguments, run.line, run.end) == ("cat <<-A 3<<'B'   > x", 1, 6)
    one, two = run.heredocs
    assert (one.name, one.content, one.expand, one.descriptor) == ("A", "$a\n", True, "")
    assert (two.name, two.content, two.expand, two.descriptor) == ("B", "\tb\n", False, "3")
    assert (one.written, two.written) == ("<<-A", "3<<'B'")


@pytest.mark.parametrize(
    ("word", "expands"),
    [("<<E", True), ("<<\\E", True), ("<<E\\'", True), ("<<E''", False), ('<<"E"', False)],
)
def test_only_quotes_keep_variables_from_being_filled_in(word: str, expands: bool) -> None:
    [run] = parse(f"RUN cat {word}\nE\nE'\n".replace("E\nE'", "E'" if "\\'" in word else "E"))
    assert run.heredocs[0].expand is expands


def test_what_newer_versions_of_buildkit_take_than_the_one_on_pypi_has() -> None:
    [spaced] = parse("RUN cat << EOF > x\ny\nEOF\n")
    assert [doc.content for doc in spaced.heredocs] == ["y\n"]
    [quoted] = parse("RUN cat <<- 'EOF'\n\ty\n\tEOF\n")
    assert [(doc.content, doc.expand) for doc in quoted.heredocs] == [("y\n", False)]
    [shift] = parse("RUN echo $((1 << 3))\n")
    assert shift.heredocs == ()
    [cut] = parse("RUN echo ${x%%.*} ${y#a} ${z//a/b} <<EOF\nEOF\n")
    assert len(cut.heredocs) == 1


def test_heredocs_of_onbuild_are_its_own() -> None:
    [onbuild] = parse("ONBUILD RUN <<E\nx\nE\n")
    assert (onbuild.word, onbuild.arguments) == ("ONBUILD", "RUN <<E")
    assert [doc.content for doc in onbuild.heredocs] == ["x\n"]


@pytest.mark.parametrize(
    "text",
    [
        "RUN " + "${a:-" * 10_000 + " <<E\n",
        "RUN " + "\\ " * 30_000,
        "RUN " + "<<" * 30_000,
        "RUN " + "'" * 60_001,
        "RUN x\\\n" * 20_000,
        "# escape=\n" * 20_000 + "RUN x",
        "RUN " + "[" * 60_000 + "<<",
        "RUN a\n" * 50_000,
    ],
)
def test_hostile_text_takes_no_time_and_no_stack(text: str) -> None:
    assert parse(text)[0].word == "RUN"
