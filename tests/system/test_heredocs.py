"""Heredocs are rewritten, and mean the same to a buildah that knows none."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stackyard.errors import InputError
from stackyard.oci.image import RuntimeConfig
from stackyard.stack.containerfile import Instruction, parent_argument, parse
from stackyard.system.heredocs import without_heredocs

TOP = "ARG BASE_IMAGE\nFROM $BASE_IMAGE\n"
PARENT = RuntimeConfig(env={"E": 'parent\'s "e"'}, user="7:8", workdir="/home/u")


def rewritten(text: str, args: Mapping[str, str] | None = None) -> tuple[Instruction, ...]:
    made = without_heredocs(text, PARENT, "BASE_IMAGE", args=args)
    assert "<<" not in "".join(one.word + " ".join(one.flags) for one in parse(made))
    assert not any(one.heredocs for one in parse(made))
    assert parent_argument(made) == "BASE_IMAGE"
    return parse(made)


def command(instruction: Instruction) -> list[str]:
    assert instruction.word == "RUN"
    words: list[str] = json.loads(instruction.arguments)
    return words


def contents(text: str, args: Mapping[str, str] | None = None) -> str:
    """All that is written to files for COPY, one after the other."""
    made = rewritten(text, args)
    return "".join(command(one)[-1] for one in made if one.word == "RUN")


def test_what_has_none_stays_as_it_is() -> None:
    text = "# c\nARG BASE_IMAGE\r\nFROM $BASE_IMAGE\r\nRUN cat <<< x \\\n\n  && y\n"
    assert without_heredocs(text, PARENT, "BASE_IMAGE") is text


def test_the_rest_of_a_file_stays_as_it_is() -> None:
    text = f"# syntax=x\n\n{TOP}# c\nRUN a \\\n  # b\n  c\nRUN <<E\nx\nE\n\n  ENV A=b\\\n c\n"
    made = without_heredocs(text, PARENT, "BASE_IMAGE")
    assert made == text.replace("RUN <<E\nx\nE", 'RUN ["/bin/sh", "-c", "x\\n"]')


def test_a_script_is_run_by_the_shell_in_effect() -> None:
    run = "RUN --network=none <<-E\n\tx 'y' \"z\"\n\tE\n"
    bash = 'SHELL ["/bin/bash", "-ec"]\n'
    text = f"{TOP}{run}{bash}{run}FROM debian AS d\n{run}{bash}FROM d\n{run}FROM $BASE_IMAGE\n{run}"
    found = [command(one) for one in rewritten(text) if one.word == "RUN"]
    sh, script = ["/bin/sh", "-c"], "x 'y' \"z\"\n"
    ec = ["/bin/bash", "-ec"]
    assert found == [[*words, script] for words in (sh, ec, sh, ec, sh)]
    own = replace(PARENT, shell=("/bin/zsh", "-c"))  # noqa: S604 - nothing is called
    made = parse(without_heredocs(TOP + run, own, "BASE_IMAGE"))
    assert command(made[-1]) == ["/bin/zsh", "-c", script]
    assert made[-1].flags == ("--network=none",)


def test_a_command_gets_its_heredocs_from_the_shell() -> None:
    text = f"{TOP}RUN cat <<A 3<<-'B' \\\n > x\n1\nA\n\t2\n\tB\nRUN y\n"
    [run, after] = rewritten(text)[-2:]
    assert command(run)[-1] == "cat <<A 3<<-'B'  > x\n1\nA\n2\nB"
    assert after.arguments == "y"


def test_only_what_shells_do_not_run_needs_a_stage_of_its_own() -> None:
    assert [one.word for one in rewritten(f"{TOP}RUN <<E\nE\n")] == ["ARG", "FROM", "RUN"]
    [_, stage, *_, last, run] = rewritten(f"{TOP}RUN <<E\n#!/bin/x\nE\n")
    assert stage.arguments.startswith("${BASE_IMAGE} AS ")
    assert last.word == "FROM"
    assert command(run) == ["/bin/sh", "-c", "/run/stackyard/E"]


def test_stages_that_are_told_by_number_are_counted_anew() -> None:
    more = (
        "COPY --from=0 --chown='a b' x y\nRUN --mount=type=bind,from=1,target=/x a --from=0\n"
        "COPY --from=00x a b\nCOPY --from=12 <<E c /d/\nE\n"
    )
    flags = [one.flags for one in rewritten(TOP + more)[-5:]]
    assert flags[:2] == [("--from=1", "--chown=a b"), ("--mount=type=bind,from=2,target=/x",)]
    assert flags[2:4] == [("--from=00x",), ("--from=13",)]
    assert [one.flags for one in rewritten(f"{TOP}COPY --from=0 a b\nRUN <<E\nE\n")][2] == (
        "--from=0",
    )


def test_variables_of_files_are_filled_in_as_buildkit_does() -> None:
    copy = "COPY <<E /x\n$A|${B:-none}|${B:+some}|$E|$T|\\$A|\"$A\"|'$A'|`$A`|$(id)|$@|\\n\nE\n"
    text = f"ARG T=top\n{TOP}ARG T A=1 B\nENV A='a b' OLD=$A\n{copy}"
    assert contents(text) == (
        "a b|none||parent's \"e\"|top|$A|\"a b\"|'a b'|`a b`|$(id)||n\n"
    )  # fmt: skip
    assert "|b|some|" in contents(text, {"B": "b", "A": "not what ENV says"})
    assert "$A|${B" in contents(text.replace("<<E", "<<'E'"))


def test_variables_go_from_stage_to_stage() -> None:
    copy = "COPY <<E /x\n$A$B$C|\nE\n"
    stages = (
        f"FROM scratch AS s\nENV A=a\nARG B=b\nFROM S\nENV C=$A\n{copy}FROM $BASE_IMAGE\n{copy}"
    )
    assert contents(f"ARG BASE_IMAGE\n{stages}") == "aba|\n|\n"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("FROM debian AS d\nCOPY <<E /x\n$HOME\nE\n", "line 4: the heredoc <<E: the value of HOME"),
        ("ARG BASE_IMAGE\nCOPY <<E /x\n$BASE_IMAGE\nE\n", "the value of BASE_IMAGE is not known"),
        ("ARG TARGETARCH\nCOPY <<E /x\n$TARGETARCH\nE\n", "the value of TARGETARCH is not known"),
        ("COPY <<E /x\n${A:?give it}\nE\n", "<<E: A: give it"),
        ("COPY <<E /x\n${A^^}\nE\n", "<<E: ${A^…} is not understood"),
        ("COPY <<'a*' /x\na*\n", "<<'a*' cannot be a file of that name"),
        ("COPY <<../x /x\n../x\n", "<<../x cannot be a file of that name"),
        ("COPY <<.. /x\n..\n", "<<.. cannot be a file of that name"),
        ("RUN <<$E\n#!/bin/sh\n$E\n", "<<$E cannot be a file of that name"),
        ("COPY <<A <<B /x\nA\nB\n", "COPY: more than one file for /x"),
        ("COPY <<A b /x\nA\n", "COPY: more than one file for /x"),
        ("COPY <<A\nA\n", "the heredocs are not among what is copied"),
        ("COPY << A /x\nA\n", "the heredocs are not among what is copied"),
        ("COPY <<'A B' /x\nA B\n", "the heredocs are not among what is copied"),
        ("ONBUILD RUN <<A\nA\n", "ONBUILD has one"),
        ("ENV A='\nRUN <<A\nA\n", "line 3: ENV A=': a single quote has no end"),
        ("SHELL sh\nRUN <<A\nA\n", "line 3: SHELL sh: "),
    ],
)
def test_what_cannot_be_said_otherwise_is_refused(text: str, told: str) -> None:
    with pytest.raises(InputError) as caught:
        without_heredocs(TOP + text, PARENT, "BASE_IMAGE")
    assert told in caught.value.message
    assert caught.value.hint


@settings(max_examples=40, deadline=None)
@given(
    piece=st.text(st.sampled_from([*"\\`#' \t\"a$é\u2028\x85\U0001f600", "\n"]), min_size=1),
    escape=st.sampled_from("\\`"),
)
def test_long_text_is_cut_where_it_can_be_joined(piece: str, escape: str) -> None:
    # A line of a heredoc has its bound too.
    content = f"{piece * (10_000 // len(piece))}\n" * 4
    top = f"# escape={escape}\n{TOP}"
    made = without_heredocs(f"{top}COPY <<'end' /x\n{content}end\n", PARENT, "BASE_IMAGE")
    assert all(len(line.encode()) < 1 << 16 for line in made.split("\n"))
    # As those engines join lines: https://github.com/openshift/imagebuilder.
    joined = re.sub(rf"{re.escape(escape)}[ \t]*\n(?![ \t]*(#|\n))", "", made)
    words = [json.loads(line[4:]) for line in joined.split("\n") if line.startswith("RUN [")]
    assert "".join(word[-1] for word in words) == content
    assert all(len(word[-1].encode()) < 1 << 17 for word in words)


# For real

PROGRAMS = ("sh", "bash", "cat", "chmod", "stat")
Build = Callable[[str], str]


def fill(root: Path) -> None:
    """A root file system with a few programs of this machine."""
    for name in ("bin", "etc", "tmp", "proc", "sys", "dev", "run", "home/u"):
        (root / name).mkdir(parents=True)
    (root / "home/u").chmod(0o777)
    for program in PROGRAMS:
        path = Path(shutil.which(program) or "")
        shutil.copy(path, root / "bin" / program)
        listed = subprocess.run(["ldd", path], capture_output=True, text=True, check=True).stdout
        for library in re.findall(r"(/\S+) \(0x", listed):
            target = root / library[1:]
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(library, target)
    (root / "etc/passwd").write_text("root:x:0:0::/:/bin/sh\nu:x:7:8::/home/u:/bin/sh\n")
    (root / "etc/group").write_text("root:x:0:\ng:x:8:\n")


@pytest.fixture(scope="module")
def build(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Build]:
    """Build a Containerfile on PARENT; what it prints."""
    folder = tmp_path_factory.mktemp("buildah")
    program = shutil.which("buildah") or "buildah"
    places = ["--root", str(folder / "storage"), "--runroot", str(folder / "run")]
    env = {**os.environ, "TMPDIR": str(folder)}

    def call(*words: str) -> str:
        command = [program, *places, "--storage-driver", "vfs", *words]
        done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr[-3000:]
        return done.stdout

    def run(text: str) -> str:
        made = without_heredocs(text, PARENT, "BASE_IMAGE", args={"GIVEN": "g"})
        (folder / "Containerfile").write_text(made)
        return call(
            *("build", "--isolation", "chroot", "--layers=false", "--format", "docker"),
            *("--pull=false", "--network", "host", "--file", str(folder / "Containerfile")),
            *("--build-arg", "BASE_IMAGE=localhost/parent", "--build-arg", "GIVEN=g"),
            str(folder / "context"),
        )

    fill(folder / "root")
    (folder / "context").mkdir()
    (folder / "context/file").write_text("of the context\n")
    container = call("from", "scratch").strip()
    call("copy", "--quiet", container, str(folder / "root"), "/")
    settings = [f"--env=E={PARENT.env['E']}", "--user=7:8", "--workingdir=/home/u"]
    call("config", *settings, container)
    call("commit", "--quiet", container, "parent")
    yield run
    call("rm", "--all")
    call("rmi", "--all", "--force")


SHOW = (
    'USER 0\nRUN ["/bin/bash", "-c", "for f in %s; do echo == $f $(stat -c \'%%a %%u %%g\' $f);'
    ' cat $f; done; echo; echo == end"]\n'
)


def shown(printed: str) -> dict[str, str]:
    """What each file is, and what is in it."""
    parts = printed.partition("\n== end\n")[0].split("\n== ")[1:]
    return {name: rest.removesuffix("\n") for name, _, rest in (p.partition(" ") for p in parts)}


@pytest.mark.real
def test_files_for_real(build: Build) -> None:
    text = f"""\
ARG TOP=top
{TOP.replace("FROM $BASE_IMAGE", "FROM $BASE_IMAGE AS zero")}ARG TOP GIVEN
ENV A="a b"
COPY --chown=1:1 <<EOF <<"Q" /data/
$A|${{B:-none}}|$E|$TOP|$GIVEN|\\$A|"x" 'y' `z` $(id)
EOF
$A raw \\
 # x
Q
COPY --chown=u:g --chmod=0750 <<-S bin/tool
\t#!/bin/sh
\t\techo hi
S
ADD <<EOF /empty
EOF
FROM scratch AS nothing
ENV N=n
COPY <<EOF /scratch
N is $N
EOF
FROM $BASE_IMAGE
COPY --from=0 /data /data
COPY --from=nothing /scratch /scratch
COPY --from=zero /home/u/bin/tool /empty /from/
COPY file <<a /both/
$E
a
COPY . /all/
"""
    files = "/data/EOF /data/Q /from/tool /from/empty /scratch /both/file /both/a /all/*"
    found = shown(build(text + SHOW % files))
    assert found == {
        "/data/EOF": '644 1 1\na b|none|parent\'s "e"|top|g|$A|"x" \'y\' `z` $(id)',
        "/data/Q": "644 1 1\n$A raw \\\n # x",
        "/from/tool": "750 7 8\n#!/bin/sh\necho hi",
        "/from/empty": "644 0 0",
        "/scratch": "644 0 0\nN is n",
        "/both/file": "644 0 0\nof the context",
        "/both/a": '644 0 0\nparent\'s "e"',
        "/all/file": "644 0 0\nof the context",
    }


@pytest.mark.real
def test_commands_for_real(build: Build) -> None:
    many = "".join(f"echo '{number} #  \\'  ;\n" for number in range(6_000))
    text = f"""\
{TOP}RUN <<EOF
echo "it's  $E
 two" > script
EOF
RUN --mount=type=bind,target=/m <<'PROGRAM'
#!/bin/bash -e
[[ $BASH_VERSION ]] && cat /m/file > program
PROGRAM
RUN cat <<A 3<<-'B' - /dev/fd/3 > both && \\
   cat both >> both2
1 $E
A
\t2 $E
\tB
SHELL ["/bin/bash", "-euo", "pipefail", "-c"]
RUN <<EOF
[[ a == a ]] && echo bash > shell
false || :
EOF
RUN <<'EOF'
{many}echo many > many
EOF
COPY <<'EOF' large
{many}EOF
RUN <<EOF
mapfile -t lines < large
echo ${{#lines[@]}} "${{lines[5999]}}" > counted
EOF
"""
    names = ("script", "program", "both", "shell", "many", "counted")
    files = " ".join(f"/home/u/{name}" for name in names)
    found = shown(build(text + SHOW % files))
    assert found == {
        "/home/u/script": "644 7 8\nit's  parent's \"e\"\n two",
        "/home/u/program": "644 7 8\nof the context",
        "/home/u/both": '644 7 8\n1 parent\'s "e"\n2 $E',
        "/home/u/shell": "644 7 8\nbash",
        "/home/u/many": "644 7 8\nmany",
        "/home/u/counted": "644 7 8\n6000 echo '5999 #  \\'  ;",
    }
