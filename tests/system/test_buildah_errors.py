"""What buildah 1.28 said, word for word, and what is made of it."""

from __future__ import annotations

import pytest

from stackyard.errors import InputError, OutsideError
from stackyard.system.buildah_errors import explained
from stackyard.system.engine import CommandFailed

PULL = (
    "creating build container: initializing source docker://127.0.0.1:1/nope:1: pinging container"
    ' registry 127.0.0.1:1: Get "https://127.0.0.1:1/v2/": dial tcp 127.0.0.1:1: connect:'
    " connection refused"
)


@pytest.mark.parametrize(
    ("last", "kind", "told", "hint"),
    [
        ('Error: building at STEP "COPY missing /x": checking on sources under "/c": copier: stat:'
         ' "/missing": no such file or directory', InputError,
         "COPY missing /x: checking on sources", "less those that .dockerignore names"),
        ('Error: building at STEP "COPY ../up /x": checking on sources under "/c": possible'
         ' escaping context directory error: copier: stat: "/up": no such file or directory',
         InputError, "COPY ../up /x: ", "see only the files of the Containerfile's folder"),
        ('Error: building at STEP "COPY miss*ing /x": checking on sources under "/c": Rel: can\'t'
         ' make  relative to /c; copier: stat: ["/miss*ing"]: no such file or directory',
         InputError, "COPY miss*ing /x: ", "see only the files of the Containerfile's folder"),
        ('Error: building at STEP "ENV ": ENV requires at least one argument', InputError,
         "ENV : ENV requires at least one argument", "correct the instruction"),
        ('Error: building at STEP "RUN /bin/true": determining run uid: user: unknown user error'
         ' looking up user "nobody"', InputError, "unknown user", "correct the instruction"),
        ('Error: building at STEP "ADD http://127.0.0.1:1/x /x": reading "http://127.0.0.1:1/x":'
         ' Get "http://127.0.0.1:1/x": dial tcp 127.0.0.1:1: connect: connection refused',
         OutsideError, "ADD http://127.0.0.1:1/x /x: what it needs cannot be had", "the network"),
        (f'Error: building at STEP "COPY --from=127.0.0.1:1/nope:1 /a /b": {PULL}', OutsideError,
         "what it needs cannot be had", "your registry credentials"),
        (f"Error: {PULL}", OutsideError, "buildah build failed (125); its last lines:\n    one\n",
         "run again when that is mended"),
        ("write /x: no space left on device", OutsideError, "no space left on the disk",
         "make room"),
        ("Disk quota exceeded", OutsideError, "no space left on the disk", "make room"),
        ("unshare: sigprocmask unblock failed: Invalid argument", OutsideError,
         "buildah was ended by signal 9", "out of memory"),
        ("", OutsideError, "buildah build failed (125)", "run again when that is mended"),
    ],
)  # fmt: skip
def test_what_is_told(last: str, kind: type, told: str, hint: str) -> None:
    error = explained("build", 125, ["one", "", last])
    assert type(error) is kind
    assert told in error.message
    assert hint in (error.hint or "")


@pytest.mark.parametrize(
    ("why", "status"),
    [("while running runtime: exit status 7", 7), ("exit status 1", 1), ("exit status 137", 137)],
)
def test_a_command_that_failed(why: str, status: int) -> None:
    lines = ["out", "subprocess exited with status 7", f'Error: building at STEP "RUN a\nb": {why}']
    error = explained("build", status, "\n".join(lines).split("\n"))
    assert isinstance(error, CommandFailed)
    assert (error.instruction, error.status) == ("RUN a\nb", status)


def test_one_that_was_ended() -> None:
    error = explained("push", -9, [])
    assert (type(error), error.message) == (OutsideError, "buildah was ended by signal 9")


def test_only_the_last_lines_are_told() -> None:
    error = explained("pull", 125, [f"line {number}" for number in range(60)])
    assert "line 59" in error.message
    assert "line 40" not in error.message
