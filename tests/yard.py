"""A project on a user's disk, and the command line that works on it.

The base is a root file system of a few files: enough for a Python to be found in it.
Nothing of it is ever run, so locking and building take a second.
"""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from loopback_index import Index
from ruamel.yaml import YAML

from stackyard.build.project import open_project
from stackyard.build.selection import select
from stackyard.oci.store import Store

COMMAND = [sys.executable, str(Path(sys.executable).with_name("stackyard"))]
MINOR = f"{sys.version_info.major}.{sys.version_info.minor}"

STACK = """\
registry: 127.0.0.1:1/hub
layers:
  base:
    from: {rootfs: base.tar}
    env: {LANG: C.UTF-8}
  top:
    on: base
    user: {name: jovyan, uid: 1000, gid: 100}
    pip: [app]
    files: [{from: motd, to: /etc/motd}]
    cmd: [app]
  left: {on: top, pip: [lefty]}
  right: {on: top, pip: [righty]}
images:
  top:
    layers: [top]
    profile: {display_name: Top, default: true}
  left: {layers: [left]}
  both:
    layers: [left, right]
    profile: {display_name: Both}
"""


@dataclass(frozen=True)
class Done:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[str]:
        return self.out.splitlines()

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def events(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.lines]


def base_tar(minor: str = MINOR, more: Mapping[str, str] | None = None) -> bytes:
    """A root file system with a Python, as Debian has it, and *more* files."""
    passwd = "root:x:0:0:root:/root:/bin/bash\n"
    members: dict[str, str | None] = {
        "etc/os-release": "ID=debian\nVERSION_CODENAME=bookworm\n",
        "etc/passwd": passwd,
        "etc/group": "root:x:0:\nusers:x:100:\n",
        "usr/bin/env": "elf",
        f"usr/bin/python{minor}": "elf",
        f"usr/lib/python{minor}/os.py": "",
        "usr/lib/python3/dist-packages": None,
        "var/lib/dpkg/status": (
            "Package: libc6\nStatus: install ok installed\nArchitecture: amd64\n"
            "Version: 2.36-9\n\n"
            f"Package: python{minor}-minimal\nStatus: install ok installed\n"
            f"Architecture: amd64\nVersion: {minor}.2-6\n"
        ),
        **(more or {}),
    }
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.mode = 0o755 if content is None or "/bin/" in name else 0o644
            info.type = tarfile.DIRTYPE if content is None else tarfile.REGTYPE
            data = (content or "").encode()
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
        link = tarfile.TarInfo("usr/bin/python3")
        link.type, link.linkname = tarfile.SYMTYPE, f"python{minor}"
        tar.addfile(link)
    return out.getvalue()


@dataclass
class Yard:
    """A project folder, a store, and the index that both see."""

    root: Path
    index: Index
    store: Path = field(init=False)

    def __post_init__(self) -> None:
        self.store = self.root.parent / "store"
        self.root.mkdir()
        (self.root / "base.tar").write_bytes(base_tar())
        self.write("motd", "welcome\n")
        self.stack(STACK)

    def write(self, name: str, text: str) -> Path:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def stack(self, text: str) -> None:
        """Set the stack file."""
        self.write("stackyard.yaml", text)

    def change(self, old: str, new: str) -> None:
        """Change the stack file in one place."""
        path = self.root / "stackyard.yaml"
        text = path.read_text()
        assert text.count(old) == 1, old
        path.write_text(text.replace(old, new))

    @property
    def lock(self) -> str:
        return (self.root / "stackyard.lock").read_text()

    def start(
        self,
        *words: str | Path,
        store: Path | None = None,
        env: dict[str, str] | None = None,
        **options: Any,
    ) -> subprocess.Popen[str]:
        """Start the command as a user would, in a session of its own."""
        return subprocess.Popen(
            [*COMMAND, *map(str, words)],
            cwd=self.root,
            env={
                **os.environ,
                "STACKYARD_STORE": str(store or self.store),
                "STACKYARD_JOBS": "2",
                "STACKYARD_OFFLINE": "1",
                "PYTHONWARNINGS": "error",
                **(env or {}),
            },
            **{
                "stdin": subprocess.DEVNULL,
                "stdout": subprocess.PIPE,
                "stderr": subprocess.PIPE,
                "text": True,
                "start_new_session": True,
                **options,
            },
        )

    def run(self, *words: str | Path, code: int = 0, **options: Any) -> Done:
        """Run the command to its end, which must have this exit code."""
        with self.start(*words, **options) as process:
            try:
                out, err = process.communicate(timeout=60)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                raise
        done = Done(process.returncode, out, err)
        assert done.code == code, f"exit code {done.code}\n{out}\n{err}"
        assert "Traceback" not in err
        return done

    def fail(self, *words: str | Path, code: int, **options: Any) -> str:
        """Run a command that must fail, saying so on standard error alone."""
        done = self.run(*words, code=code, **options)
        assert done.err.startswith(("stackyard: ", "Usage: ")) or "\nstackyard: " in done.err
        return done.err

    def digests(self, store: Path | None = None) -> dict[str, str]:
        """Target to manifest of everything that is built."""
        project = open_project(self.root / "stackyard.yaml")
        plan = project.plan(select(project.stack), Store.open(store or self.store))
        return {
            f"{target} {target.platform}": made.manifest.digest
            for target, key in plan.images.items()
            if (made := plan.decisions[key].made) and made.manifest
        }

    def manifest(self, digest: str, store: Path | None = None) -> dict[str, Any]:
        return json.loads(blob(store or self.store, digest))

    def paths(self, digest: str, store: Path | None = None) -> list[str]:
        """Every tar entry of an image, from the bottom, as often as it is there."""
        found: list[str] = []
        for layer in self.manifest(digest, store)["layers"]:
            data = io.BytesIO(blob(store or self.store, layer["digest"]))
            with tarfile.open(fileobj=data, mode="r:gz") as tar:
                found += [member.name for member in tar if not member.isdir()]
        return found


def blob(store: Path, digest: str) -> bytes:
    return (store / "blobs" / "sha256" / digest.removeprefix("sha256:")).read_bytes()


def parse_yaml(text: str) -> Any:
    return YAML(typ="safe", pure=True).load(text)
