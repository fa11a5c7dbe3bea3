"""What steps run, run by this machine's shell in a folder that stands for the image."""

from __future__ import annotations

import os
import shlex
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from stackyard.stack.containerfile import parent_argument, parse
from stackyard.system import recipes

APT_GET = """\
#!/bin/sh
for word; do printf '[%s]' "$word"; done >>"$CALLS"
echo >>"$CALLS"
case " $* " in *" install "*) [ -x "$POLICY" ] && echo policy >>"$CALLS"; exit "${FAILS:-0}";; esac
"""


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A step's context, as `PLACE`."""
    (tmp_path / "run" / recipes.FOLDER).mkdir(parents=True)
    return tmp_path / "run"


def sh(place: Path, script: str, env: Mapping[str, str] | None = None) -> tuple[int, list[str]]:
    """A script's exit code and what it printed."""
    file = place / recipes.SCRIPT
    file.write_text(script.replace(recipes.PLACE, str(place)))
    done = subprocess.run(
        ["/bin/sh", file],
        cwd=place,
        env={"PATH": os.environ["PATH"], **(env or {})},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=20,
    )
    return done.returncode, done.stdout.splitlines()


# Commands


def test_each_command_is_told_and_has_a_shell_of_its_own(place: Path) -> None:
    code, lines = sh(place, recipes.commands(["x=1; cd /; echo $x", "pwd; echo ${x-unset}"]))
    assert code == 0
    assert lines == [
        "==> [1/2] x=1; cd /; echo $x",
        "1",
        "==> [2/2] pwd; echo ${x-unset}",
        str(place),
        "unset",
    ]


@pytest.mark.parametrize(
    ("command", "code"),
    [
        ("exit 7", 7),
        ("false; echo on", 1),
        ("echo $unset; echo on", 2),
        ("(exit 3)", 3),
        ("no-such-program", 127),
        ("if", 2),
        ("'", 2),
        ("kill -9 $$", 137),
    ],
)
def test_the_first_that_fails_ends_it_with_its_exit_code(
    place: Path, command: str, code: int
) -> None:
    found, lines = sh(place, recipes.commands(["echo one", command, "echo never"], None))
    assert found == code
    assert lines[:2] == ["==> [1/3] echo one", "one"]
    assert "on" not in lines
    assert "never" not in lines


@pytest.mark.parametrize(
    "word",
    ["'", '"', "$(touch pwned)", "`touch pwned`", "a\nb", "\\", "'; touch pwned; '", "%s %d",
     "\t", "ä☃", "-n", "{0}", "#", "!", "$x", "*"],
)  # fmt: skip
def test_a_command_comes_to_its_shell_as_it_was_written(place: Path, word: str) -> None:
    code, lines = sh(place, recipes.commands([f"printf '<%s>\\n' {shlex.quote(word)}"]))
    assert code == 0
    assert f"<{word}>" in "\n".join(lines)
    assert not (place / "pwned").exists()


@settings(max_examples=40, deadline=None)
@given(st.text(st.characters(codec="utf-8", exclude_characters="\0\r"), min_size=1, max_size=30))
def test_no_command_gets_out_of_its_quotes(tmp_path_factory: pytest.TempPathFactory, text: str):
    # dash loses a byte of a letter after what looks like the delimiter's beginning.
    assume("\nE" not in f"\n{text}")
    place = tmp_path_factory.getbasetemp() / "quotes"
    place.mkdir(exist_ok=True)
    command = f"exec cat <<'E N D'\n{text}\nE N D"
    code, lines = sh(place, recipes.commands([command]))
    assert (code, lines[0]) == (0, "==> [1/1] exec cat <<'E N D' …")
    assert "\n".join(lines[1:]).split() == text.split()


def test_what_is_told_of_a_long_command(place: Path) -> None:
    script = recipes.commands(["\n  echo one\necho two\n", ": " + "x" * 500])
    _, lines = sh(place, script)
    assert lines[0] == "==> [1/2] echo one …"
    assert lines[-1] == "==> [2/2] : " + "x" * 198


def test_commands_read_nothing_of_the_script(place: Path) -> None:
    assert sh(place, recipes.commands(["cat", "echo on"]))[1][-1] == "on"


# Scripts


@pytest.mark.parametrize(
    ("text", "code", "printed"),
    [
        ("pwd; cat data", 0, ["LAYER", "d"]),
        ("echo $unset\necho on\n", 2, None),
        ("false\necho on\n", 1, []),
        ("#!/bin/sh\nfalse\necho $0; exit 4\n", 4, ["LAYER/run it.sh"]),
        ("#!/usr/bin/env -S sh -u\necho $unset\n", 2, None),
        ("#! /bin/bash -eu\n[[ x == x ]] && echo yes\n", 0, ["yes"]),
        ("#!/usr/bin/env python3\nimport sys\nprint(sys.argv)\n", 0, ["['LAYER/run it.sh']"]),
        ("#!/no/such/program\n", 127, None),
        ("", 0, []),
        ("#\n", 0, []),
        ("#!/bin/sh", 0, []),
    ],
)
def test_a_script(place: Path, text: str, code: int, printed: list[str] | None) -> None:
    folder = place / recipes.FOLDER
    (folder / "run it.sh").write_text(text)
    (folder / "data").write_text("d\n")
    found, lines = sh(place, recipes.commands(["echo first"], "run it.sh"))
    assert found == code
    assert lines[:3] == ["==> [1/2] echo first", "first", "==> [2/2] run it.sh"]
    if printed is not None:
        assert lines[3:] == [line.replace("LAYER", str(folder)) for line in printed]
    assert "on" not in lines


def test_a_script_does_not_run_when_a_command_failed(place: Path) -> None:
    (place / recipes.FOLDER / "run.sh").write_text("echo never\n")
    assert sh(place, recipes.commands(["exit 9"], "run.sh")) == (9, ["==> [1/2] exit 9"])


@pytest.mark.parametrize("name", ["-x", "a'b", "$(touch pwned)", "a b\nc", "*"])
def test_a_script_of_an_odd_name(place: Path, name: str) -> None:
    (place / recipes.FOLDER / name).write_text("echo here\n")
    code, lines = sh(place, recipes.commands([], name))
    assert (code, lines[-1]) == (0, "here")
    assert not list(place.rglob("pwned"))


# Packages


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """What stands for the image's root, with an apt-get that keeps what it is told."""
    root = tmp_path / "root"
    for folder in ("bin", "etc/apt", "usr/sbin", "run/secrets", "var/lib/apt/lists"):
        (root / folder).mkdir(parents=True)
    (root / "bin" / "apt-get").write_text(APT_GET)
    (root / "bin" / "apt-get").chmod(0o755)
    (root / "etc/apt/sources.list").write_text("deb http://deb.example bookworm main\n")
    return root


def apt(root: Path, packages: list[str], run: str = "1", **env: str) -> tuple[int, list[str]]:
    """A script's exit code, and the calls of apt-get since the last."""
    script = recipes.apt(packages, run)
    for path in ("/etc/apt/", "/usr/sbin/", "/run/secrets/", "/var/lib/apt/"):
        script = script.replace(path, f"{root}{path}")
    assert script.count(str(root)) >= 6
    calls = root / "calls"
    calls.write_text("")
    path = f"{root}/bin:/usr/bin:/bin"
    policy = f"{root}/usr/sbin/policy-rc.d"
    code, _ = sh(root, script, {"PATH": path, "CALLS": str(calls), "POLICY": policy, **env})
    return code, calls.read_text().splitlines()


def verbs(calls: list[str]) -> list[str]:
    names = ("update", "install", "clean")
    return [name for call in calls for name in names if f"[{name}]" in call]


def test_packages_are_words_and_never_options(root: Path) -> None:
    code, calls = apt(root, ["git", "libc6:amd64", "a=1:2-3", "-o$(touch pwned)", "b c'"])
    assert code == 0
    [install] = [call for call in calls if "[install]" in call]
    words = "[install][--][git][libc6:amd64][a=1:2-3][-o$(touch pwned)][b c']"
    assert install.endswith(words)
    for word in ("[-y]", "[--no-remove]", "[APT::Install-Recommends=false]"):
        assert word in install
    assert not list(root.rglob("pwned"))


def test_the_lists_are_brought_up_to_date_once_in_a_run(root: Path) -> None:
    assert verbs(apt(root, ["a"])[1]) == ["update", "install", "clean"]
    assert verbs(apt(root, ["b"])[1]) == ["install", "clean"]
    assert verbs(apt(root, ["b"], run="2'$(id)")[1]) == ["update", "install", "clean"]
    (root / "etc/apt/sources.list").write_text("deb http://other.example trixie main\n")
    assert verbs(apt(root, ["b"], run="2'$(id)")[1]) == ["update", "install", "clean"]


def test_sources_of_this_machine_come_before_the_image_s_own(root: Path) -> None:
    secret = root / "run/secrets" / recipes.SOURCES
    secret.write_text("deb http://user:password@mirror.example bookworm main\n")
    _, calls = apt(root, ["a"])
    assert all(f"[Dir::Etc::SourceList={secret}]" in call for call in calls[:2])
    assert "password" not in "".join(calls)
    secret.write_text("deb http://user:password@mirror.example trixie main\n")
    assert verbs(apt(root, ["a"])[1])[0] == "update"


@pytest.mark.parametrize("own", [True, False])
@pytest.mark.parametrize("fails", ["0", "100"])
def test_no_service_starts_and_the_exit_code_is_apt_s(root: Path, own: bool, fails: str) -> None:
    policy = root / "usr/sbin/policy-rc.d"
    if own:
        policy.write_text("mine")
        policy.chmod(0o755)
    code, calls = apt(root, ["a"], FAILS=fails)
    assert code == int(fails)
    assert verbs(calls) == ["update", "install", "clean"]
    assert "policy" in calls
    assert policy.exists() == own
    assert not own or policy.read_text() == "mine"


def test_an_update_that_fails_is_done_again(root: Path) -> None:
    (root / "bin" / "apt-get").write_text("#!/bin/sh\nexit 100\n")
    assert apt(root, ["a"])[0] == 100
    (root / "bin" / "apt-get").write_text(APT_GET)
    assert verbs(apt(root, ["a"])[1])[0] == "update"


def test_a_base_without_apt(root: Path) -> None:
    (root / "bin" / "apt-get").unlink()
    (root / "bin" / "sh").symlink_to("/bin/sh")
    script = recipes.apt(["a"], "1")
    code, lines = sh(root, script, {"PATH": f"{root}/bin"})
    assert code == 127
    assert lines == ["there is no apt-get: apt needs a base that is Debian or stems from it"]


def test_scripts_are_posix() -> None:
    for script in (recipes.apt(["a", "'"], "'"), recipes.commands(["'", "if"], "x")):
        done = subprocess.run(["dash", "-n"], input=script, text=True, check=False)
        assert done.returncode == 0


# Containerfiles


def test_a_containerfile_that_runs_the_script_as_root() -> None:
    text = recipes.containerfile({"/var/cache": "c1", "/b": "c2"}, ["z", "a.b-c"])
    assert parent_argument(text) == recipes.FROM
    *_, user, run = parse(text)
    assert (user.word, user.arguments) == ("USER", "0:0")
    assert run.flags == (
        "--mount=type=bind,target=/run/stackyard",
        "--mount=type=cache,id=c2,target=/b",
        "--mount=type=cache,id=c1,target=/var/cache",
        "--mount=type=secret,id=a.b-c,target=/run/secrets/a.b-c",
        "--mount=type=secret,id=z,target=/run/secrets/z",
    )
    assert run.arguments == '["/bin/sh", "/run/stackyard/commands.sh"]'


@pytest.mark.parametrize("sources", [True, False])
def test_a_containerfile_for_packages(sources: bool) -> None:
    run = parse(recipes.apt_containerfile("l1", sources=sources))[-1]
    assert "--mount=type=cache,id=l1,target=/var/lib/apt/lists" in run.flags
    assert any(recipes.SOURCES in flag for flag in run.flags) == sources
