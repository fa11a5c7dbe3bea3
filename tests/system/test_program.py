from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from stackyard.errors import InputError, OutsideError
from stackyard.system.program import streaming


def failed(lines, code):
    return OutsideError(f"{code}: {' / '.join(lines)}")


def run(script: str, *, given: bytes = b"", polite: bool = True, report=lambda _: None):
    return streaming(
        ["sh", "-c", script],
        given=given,
        env={"PATH": os.environ["PATH"]},
        report=report,
        explain=failed,
        polite=polite,
    )


def alive(pid: int) -> bool:
    try:
        return not Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].startswith(" Z")
    except OSError:
        return False


def gone(pid: int) -> bool:
    """Whether a process ends within a few seconds."""
    end = time.monotonic() + 10
    while alive(pid) and time.monotonic() < end:
        time.sleep(0.02)
    return not alive(pid)


def test_output_input_and_lines() -> None:
    lines: list[str] = []
    with run("cat; echo one >&2; echo two >&2", given=b"data", report=lines.append) as stream:
        assert stream.read() == b"data"
    assert lines == ["one", "two"]


def test_a_failure_carries_the_last_lines() -> None:
    with pytest.raises(OutsideError, match="7: because"), run("echo because >&2; exit 7") as s:
        s.read()


def test_a_failure_is_told_rather_than_what_its_output_led_to() -> None:
    def use(script: str) -> None:
        with run(script) as stream:
            stream.read()
            raise InputError("the archive is cut off")

    with pytest.raises(OutsideError, match="7: because"):
        use("echo because >&2; exit 7")
    with pytest.raises(InputError, match="cut off"):
        use("true")


def interrupted(script: str, *, polite: bool) -> int:
    """The process id that *script* prints, after an interrupt in the block."""
    child = 0
    with suppress(KeyboardInterrupt), run(script, polite=polite) as stream:
        child = int(stream.readline())
        assert alive(child)
        raise KeyboardInterrupt
    return child


@pytest.mark.parametrize("polite", [True, False])
def test_an_error_ends_all_its_processes(polite: bool) -> None:
    assert gone(interrupted("sleep 600 & echo $!; wait", polite=polite))


def test_one_that_does_not_listen_is_killed(monkeypatch) -> None:
    monkeypatch.setattr("stackyard.system.program._PATIENCE", 0.2)
    assert gone(interrupted("trap '' TERM; echo $$; sleep 600", polite=True))


def test_a_missing_program() -> None:
    with (
        pytest.raises(OutsideError, match="starting"),
        streaming(
            ["/no/such/program"],
            given=b"",
            env={},
            report=print,
            explain=failed,
            polite=True,
        ),
    ):
        pass


def test_a_reporter_that_fails_does_not_stall_the_program() -> None:
    def broken(_: str) -> None:
        raise ValueError("the terminal is gone")

    script = "for i in $(seq 20000); do echo a long line of output $i >&2; done; echo end"
    with pytest.raises(ValueError, match="terminal"), run(script, report=broken) as stream:
        assert stream.read() == b"end\n"


def test_it_ends_when_we_are_killed(tmp_path: Path) -> None:
    """The leash is `setpriv --pdeathsig`, as `mmdebstrap` is called."""
    script = (
        "import os, sys\n"
        "from stackyard.system.program import streaming\n"
        "with streaming(['setpriv', '--pdeathsig', 'KILL', 'sleep', '600'], given=b'',\n"
        "    env=dict(os.environ), report=print, explain=None, polite=False):\n"
        "    print('up', flush=True); sys.stdin.read()\n"
    )
    us = subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert us.stdout is not None
    assert us.stdin is not None
    assert us.stdout.readline() == b"up\n"
    children = Path(f"/proc/{us.pid}/task/{us.pid}/children").read_text().split()
    # The leash holds from a moment after the start on: when setpriv became the program.
    while any(Path(f"/proc/{child}/comm").read_text() != "sleep\n" for child in children):
        time.sleep(0.01)
    os.kill(us.pid, signal.SIGKILL)
    us.wait()
    us.stdout.close()
    us.stdin.close()
    assert children
    assert all(gone(int(child)) for child in children)
