"""Steps run by an ordinary user, with no root anywhere."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from realyard import STACKYARD, run
from stepyard import Steps, images_in, left_behind, until_there

import stackyard

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(os.geteuid() != 0, reason="making a user needs root"),
]

NAME = "stackyard-test"
BASE = """
layers:
  base: {from: {debian: bookworm}, apt: [python3]}
images:
  base: {layers: [base]}
"""
STACK = """
layers:
  base: {from: {oci: base}}
  tools:
    on: base
    apt: [tree]
    secrets: [wait]
    cache: [/opt/cache]
    run:
      - install -o 1234 -g 55 -m 600 /etc/hostname /owned; id -u > /who; touch /opt/cache/kept
      - 'sleep "$(cat /run/secrets/wait)"'
  docker:
    on: tools
    containerfile: own/Dockerfile
images:
  tools: {layers: [docker]}
"""
DOCKERFILE = """\
ARG B
FROM $B
COPY --chown=1234:0 Dockerfile /copied
USER 1234
RUN id -u > /tmp/me
"""


@dataclass(frozen=True)
class User:
    """A user of this machine with a folder, who can do what anybody can."""

    folder: Path

    def words(self, *command: object) -> list[str]:
        """A command that runs another as this user, in the project's folder.

        The Python of the tests can be in a folder that only root can enter. So in mounts of
        its own it is seen through an empty one.
        """
        shown = [sys.base_prefix, sys.prefix, str(Path(stackyard.__file__).parents[1])]
        lines = [f"cd {shlex.quote(str(self.folder))}", *seen(self.folder / "hold", shown)]
        env = {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": self.folder, "USER": NAME}
        settings = [f"{name}={value}" for name, value in env.items()]
        kept = [f"{k}={v}" for k, v in os.environ.items() if k.startswith(("PIP_", "PYTHONPATH"))]
        as_user = ["setpriv", f"--reuid={NAME}", f"--regid={NAME}", "--clear-groups"]
        words = [*as_user, "env", "-i", *settings, *kept, *map(str, command)]
        lines.append(f"exec {shlex.join(words)}")
        return ["unshare", "--mount", "sh", "-euc", "\n".join(lines)]

    def run(self, *words: object, code: int = 0) -> str:
        """Run a verb of Stackyard; what it told."""
        command = self.words(STACKYARD, *words)
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == code, f"{words}: {done.stdout}\n{done.stderr}"
        return done.stderr


def seen(hold: Path, folders: Sequence[str]) -> Iterator[str]:
    """Commands that make folders reachable whose parents are closed."""
    for number, folder in enumerate(folders):
        closed = [p for p in reversed(Path(folder).parents) if not p.stat().st_mode & 0o001]
        if closed:
            place = shlex.quote(f"{hold}/{number}")
            there = shlex.quote(folder)
            yield f"mkdir -p {place} && mount --bind {there} {place}"
            yield f"mount -t tmpfs -o mode=755 t {shlex.quote(str(closed[0]))}"
            yield f"mkdir -p {there} && mount --bind {place} {there}"


@pytest.fixture
def user(steps: Steps) -> Iterator[User]:
    """A user with a project, on a base that root made."""
    made = steps.yard("for-a-user", BASE)
    with tempfile.TemporaryDirectory(prefix="stackyard-test-") as name:
        folder = Path(name)
        made.export(folder / "base")
        (folder / "stackyard.yaml").write_text(STACK)
        (folder / "own").mkdir()
        (folder / "own" / "Dockerfile").write_text(DOCKERFILE)
        run("useradd", "--no-create-home", "--home-dir", name, NAME)
        try:
            run("chown", "-R", f"{NAME}:", name)
            yield User(folder)
        finally:
            run("userdel", NAME)
            run("rm", "-rf", folder / "store")


def test_an_ordinary_user(user: User) -> None:
    user.run("lock")
    store = ("--store", user.folder / "store")
    (user.folder / "wait").write_text("65.7")
    secret = ("--secret", "id=wait,src=wait")
    command = user.words(STACKYARD, "build", *store, *secret)
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as build:
        until_there("sleep 65.7", build)
        build.kill()
    assert left_behind(user.folder / "store", "sleep 65.7") == []

    (user.folder / "wait").write_text("0.01")
    told = user.run("build", *store, *secret, "--output", "oci:layout")
    assert "start    run       tools" in told
    assert "start    apt       tools" not in told, "it was finished before the kill"
    assert "nothing to do" in user.run("build", *store)
    image = images_in(user.folder / "layout")["tools:default"]
    assert "usr/bin/tree" in image.files
    assert image.text("who") == "0"
    assert (image.files["owned"].owner, image.files["owned"].mode) == ((1234, 55), 0o600)
    assert image.files["copied"].owner == (1234, 0)
    assert image.files["tmp/me"].owner[0] == 1234
    assert image.text("tmp/me") == "1234"
    assert not [path for path in image.files if path.endswith(".cache/kept")]
