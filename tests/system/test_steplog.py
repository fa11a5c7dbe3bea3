from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from stackyard.errors import InputError, OutsideError
from stackyard.system.secrets import Secrets
from stackyard.system.spawn import run_engine
from stackyard.system.steplog import StepLog, open_log

SECRETS = Secrets({"k": b"hunter22\n"})


def heard(tmp_path: Path, lines: list[str]) -> tuple[StepLog, list[str], list[str]]:
    """A log that heard lines, what is in its file, and what was said on."""
    said: list[str] = []
    path = tmp_path / "logs" / "a-run.log"
    with open_log(path, "layer a: run, by buildah", SECRETS, said.append) as log:
        for line in lines:
            log(line)
            assert path.read_text().splitlines()[1:], "written at once"
    return log, path.read_text().splitlines(), said


def test_all_is_in_the_file(tmp_path: Path) -> None:
    lines = ["STEP 1/3: FROM x", "", "  out ", "\udcff \u2603"]
    log, file, said = heard(tmp_path, lines)
    assert re.fullmatch(r"layer a: run, by buildah, \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC", file[0])
    assert file[1:] == ["STEP 1/3: FROM x", "", "  out ", "? \u2603"]
    assert said == ["STEP 1/3: FROM x", "out", "\udcff \u2603"]
    assert log.path == tmp_path / "logs" / "a-run.log"


def test_no_secret_is_kept_or_said(tmp_path: Path) -> None:
    log, file, said = heard(tmp_path, ["==> [1/1] echo hunter22", "hunter22", "x=hunter22;"])
    assert log.command == "echo ***"
    assert log.last == ["***", "x=***;"]
    assert "hunter22" not in "".join([*file, *said])


def test_a_new_run_begins_a_new_file(tmp_path: Path) -> None:
    heard(tmp_path, ["old"])
    assert heard(tmp_path, ["new"])[1][1:] == ["new"]


@pytest.mark.parametrize(
    ("lines", "command", "last"),
    [
        ([], "", []),
        (["==> [1/2] make", "a", "==> [2/2] make all …", "b", " ", "c"], "make all …", ["b", "c"]),
        (["==> [1/2] x ] y", "a"], "x ] y", ["a"]),
        (["#7 [2/2] RUN x", "#7 0.123 ==> [1/1] make", "#7 12.5 out"], "make", ["out"]),
        # What programs print looks like it, and is not it
        (["==> [1/1] conda", "==> WARNING: newer exists <=="], "conda",
         ["==> WARNING: newer exists <=="]),
        (["==> [1/1] a", "+ echo ==> [2/2] b"], "a", ["+ echo ==> [2/2] b"]),
        (["STEP 1/2: FROM x", "a", "STEP 2/2: RUN y", "b"], "", ["b"]),
        (["b", "subprocess exited with status 7", "Error: building at STEP \"RUN\": exit 7"], "",
         ["b"]),
        ([f"line {i}" for i in range(30)], "", [f"line {i}" for i in range(18, 30)]),
    ],
)  # fmt: skip
def test_the_command_and_its_last_lines(
    tmp_path: Path, lines: list[str], command: str, last: list[str]
) -> None:
    log, _, _ = heard(tmp_path, lines)
    assert (log.command, log.last) == (command, last)


def test_what_buildkit_tells_again_is_not_told_twice(tmp_path: Path) -> None:
    lines = [
        "#6 0.2 reason",
        "#6 ERROR: process did not complete: exit code: 7",
        "------",
        "reason",
    ]
    assert heard(tmp_path, lines)[0].last == ["reason"]


def use(path: Path, command: str, first: Callable[[StepLog], None]) -> None:
    """A program that a log hears; *first* is told when it said something."""

    def say(_line: str) -> None:
        first(log)

    with open_log(path, "title", SECRETS, say) as log:
        words = ["/bin/sh", "-c", command]
        run_engine(words, env=dict(os.environ), hear=log, timeout=20, doing="x")


def fill(log: StepLog) -> None:
    """No room for the log from now on."""
    with open("/dev/full", "wb") as full:  # noqa: PTH123 - a device
        os.dup2(full.fileno(), log._file.fileno())


def test_a_full_disk(tmp_path: Path) -> None:
    (tmp_path / "log").symlink_to("/dev/full")
    with pytest.raises(OutsideError, match=r"writing the log .*/log: No space left on device"):
        use(tmp_path / "log", "sleep 60", fill)


def test_a_disk_that_gets_full_ends_the_engine(tmp_path: Path) -> None:
    with pytest.raises(OutsideError, match=r"writing the log .*/log: No space left on device"):
        use(tmp_path / "log", "echo one; sleep 0.1; echo two; sleep 60", fill)


def test_a_folder_that_cannot_be(tmp_path: Path) -> None:
    (tmp_path / "logs").write_text("")
    with pytest.raises(OutsideError, match="writing the log"):
        heard(tmp_path, [])


def test_an_error_in_between_comes_through(tmp_path: Path) -> None:
    def bad(_log: StepLog) -> None:
        raise InputError("bad")

    with pytest.raises(InputError, match="bad"):
        use(tmp_path / "log", "echo one; sleep 60", bad)
