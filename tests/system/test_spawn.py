from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from stackyard.errors import OutsideError
from stackyard.system.spawn import end_all, run_engine

ENV = {"PATH": os.environ["PATH"], "SEEN": "1"}


def sh(script: str, lines: list[str] | None = None, timeout: float = 20, **how: object) -> int:
    hear = (lines if lines is not None else []).append
    call = {"env": ENV, "hear": hear, "timeout": timeout, "doing": "engine build", **how}
    return run_engine(["/bin/sh", "-c", script], **call)


def alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state not in "ZX"


def gone(pid: int, seconds: float = 5) -> bool:
    end = time.monotonic() + seconds
    while alive(pid):
        if time.monotonic() > end:
            os.kill(pid, signal.SIGKILL)
            return False
        time.sleep(0.01)
    return True


def number_in(file: Path) -> int:
    end = time.monotonic() + 10
    while not (file.is_file() and file.read_text().endswith("\n")):
        assert time.monotonic() < end
        time.sleep(0.01)
    return int(file.read_text())


def test_lines_come_as_they_are_printed() -> None:
    lines: list[str] = []
    script = "echo out; echo err >&2; printf '\\n a\\tb \\r\\n\\377\\nlast'; echo $SEEN${HOME-}"
    assert sh(script, lines) == 0
    assert lines == ["out", "err", "", " a\tb ", "\ufffd", "last1"]


def test_a_line_without_end_is_heard_in_pieces() -> None:
    lines: list[str] = []
    assert sh("head -c 200000 /dev/zero | tr '\\0' x", lines) == 0
    assert "".join(lines) == "x" * 200_000
    assert max(map(len, lines)) == 1 << 16


def test_each_line_is_heard_at_once(tmp_path: Path) -> None:
    script = f"echo go; while [ ! -e {tmp_path}/on ]; do sleep 0.01; done"
    assert sh(script, hear=lambda _: (tmp_path / "on").touch()) == 0


@pytest.mark.parametrize(
    ("script", "code"),
    [("exit 0", 0), ("exit 7", 7), ("exit 255", 255), ("kill -9 $$", -9), ("kill -15 $$", -15)],
)
def test_exit_codes(script: str, code: int) -> None:
    assert sh(script) == code


def test_it_reads_nothing_unless_given(tmp_path: Path) -> None:
    lines: list[str] = []
    assert sh("cat", lines) == 0
    assert lines == []
    (tmp_path / "in").write_text("given\n")
    with (tmp_path / "in").open("rb") as file:
        assert sh("cat", lines, stdin=file) == 0
    assert lines == ["given"]


def test_files_that_it_makes_can_be_read(tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        sh(f"touch {tmp_path}/made")
    finally:
        os.umask(before)
    assert (tmp_path / "made").stat().st_mode & 0o777 == 0o644


def test_a_program_that_is_not_there(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    lines: list[str] = []
    how = {"env": ENV, "hear": lines.append, "timeout": 5, "doing": "engine build"}
    assert run_engine(["/no/such"], **how) == 127
    assert "/no/such" in lines[0]
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(OutsideError, match="engine build: starting setpriv /no/such: No such"):
        run_engine(["/no/such"], **{**how, "env": {"PATH": str(tmp_path)}})


# Its end


@pytest.mark.parametrize("stubborn", ["", "trap '' TERM;"])
def test_one_that_takes_too_long_is_ended_with_all_its_children(
    tmp_path: Path, stubborn: str
) -> None:
    script = f"{stubborn} sh -c '{stubborn} echo $$ >{tmp_path}/p; sleep 6000; :' & echo on; wait"
    lines: list[str] = []
    with pytest.raises(OutsideError) as caught:
        sh(script, lines, timeout=0.5)
    assert caught.value.message == "engine build: no end after 0.5 s, so it was stopped"
    assert "--step-timeout" in (caught.value.hint or "")
    assert lines == ["on"]
    assert gone(number_in(tmp_path / "p"))


def test_one_that_ends_itself_is_asked_first(tmp_path: Path) -> None:
    with pytest.raises(OutsideError):
        sh(f"trap 'touch {tmp_path}/tidy; exit' TERM; echo on; while :; do sleep 0.05; done",
           timeout=0.5)  # fmt: skip
    assert (tmp_path / "tidy").exists()


@pytest.mark.parametrize("stubborn", ["", "trap '' TERM HUP;"])
def test_what_it_left_in_the_background_ends_with_it(tmp_path: Path, stubborn: str) -> None:
    lines: list[str] = []
    script = f"sh -c '{stubborn} echo $$ >{tmp_path}/p; sleep 6000; :' & " + (
        f"while [ ! -s {tmp_path}/p ]; do sleep 0.01; done; echo on; exit 3"
    )
    assert sh(script, lines) == 3
    assert lines == ["on"]
    assert gone(number_in(tmp_path / "p"))


def test_an_error_of_who_listens_ends_it(tmp_path: Path) -> None:
    def hear(line: str) -> None:
        raise OutsideError(f"no room for {line}")

    with pytest.raises(OutsideError, match="no room for on"):
        sh(f"echo $$ >{tmp_path}/p; echo on; sleep 6000", hear=hear)
    assert gone(number_in(tmp_path / "p"))


def test_all_are_ended_from_another_thread(tmp_path: Path) -> None:
    ended: list[int] = []

    def run(name: str, script: str) -> None:
        ended.append(sh(f"{script} echo $$ >{tmp_path}/{name}; sleep 6000 & wait; sleep 6000"))

    threads = [
        threading.Thread(target=run, args=pair) for pair in (("a", ""), ("b", "trap '' TERM;"))
    ]
    for thread in threads:
        thread.start()
    numbers = [number_in(tmp_path / name) for name in "ab"]
    end_all()
    for thread in threads:
        thread.join(5)
    assert set(ended) == {-signal.SIGTERM, -signal.SIGKILL}
    assert all(map(gone, numbers))
    end_all()


def test_many_at_once_are_told_apart() -> None:
    codes: dict[int, int] = {}

    def run(number: int) -> None:
        codes[number] = sh(f"sleep 0.0{number % 5}; exit {number}")

    threads = [threading.Thread(target=run, args=(number,)) for number in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert codes == {number: number for number in range(20)}


SCRIPT = """
import sys
from stackyard.system.spawn import run_engine
run_engine(["/bin/sh", "-c", f"echo $$ >{sys.argv[1]}; exec sleep 6000"],
           env={"PATH": "/usr/bin:/bin"}, hear=print, timeout=60, doing="x")
"""


@pytest.fixture
def killed(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-c", SCRIPT, str(tmp_path / "p")]
    with subprocess.Popen(command) as process:
        yield process
        process.kill()


def test_it_does_not_outlive_us(tmp_path: Path, killed: subprocess.Popen[bytes]) -> None:
    number = number_in(tmp_path / "p")
    assert alive(number)
    killed.kill()
    assert gone(number)
