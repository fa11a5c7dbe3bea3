"""What the tests of system steps share: small stacks, what is in an image, what is left behind."""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import tarfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from realyard import STACKYARD, Yard, run

PROGRAMS = (
    *("cat", "chmod", "cp", "cut", "date", "dd", "dirname", "env", "grep", "head", "id"),
    *("ln", "ls", "mkdir", "mktemp", "mv", "rm", "sleep", "stat", "touch", "tr", "wc"),
)
ACCOUNTS = {"etc/passwd": b"root:x:0:0::/:/bin/sh\n", "etc/group": b"root:x:0:\n"}


@dataclass(frozen=True)
class Steps:
    """Makes stacks with a folder each, on one store.

    A stack file can name ``root.tar``: a shell and a few of this machine's programs, no more.
    """

    place: Path
    env: Mapping[str, str]

    def yard(
        self,
        name: str,
        text: str,
        files: Mapping[str, str | bytes] | None = None,
        *,
        links: Mapping[str, str] | None = None,
        store: str = "store",
    ) -> Yard:
        """A stack, locked."""
        yard = Yard(self.place / name, self.place / store, self.env)
        yard.write(text)
        if "root.tar" in text:
            os.link(self.root, yard.folder / "root.tar")
        for path, content in (files or {}).items():
            write(yard, path, content)
        for path, target in (links or {}).items():
            (yard.folder / path).symlink_to(target)
        yard.run("lock")
        return yard

    @cached_property
    def root(self) -> Path:
        """A root file system without Debian and without Python."""
        path = self.place / "root.tar"
        programs = {"bin/sh": "/bin/dash"} | {f"bin/{p}": run("which", p).strip() for p in PROGRAMS}
        needed = "".join(run("ldd", program) for program in programs.values())
        libraries = {found.lstrip("/"): found for found in re.findall(r"(/\S+) \(0x", needed)}
        with tarfile.open(path, "w", dereference=True) as archive:
            for name, source in sorted({**programs, **libraries}.items()):
                archive.add(os.path.realpath(source), name)
            for folder, mode in (("etc", 0o755), ("tmp", 0o1777), ("opt", 0o755)):
                info = tarfile.TarInfo(folder)
                info.type, info.mode = tarfile.DIRTYPE, mode
                archive.addfile(info)
            for name, text in ACCOUNTS.items():
                info = tarfile.TarInfo(name)
                info.size = len(text)
                archive.addfile(info, io.BytesIO(text))
        return path


def write(yard: Yard, path: str, content: str | bytes) -> Path:
    """Write a file of the project."""
    file = yard.folder / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    return file


@dataclass(frozen=True)
class Entry:
    """A file, directory or link of an image; *data* is its content or target."""

    kind: str
    mode: int
    owner: tuple[int, int]
    data: bytes = field(repr=False)

    @property
    def text(self) -> str:
        return self.data.decode().strip()


@dataclass(frozen=True)
class Image:
    """An image of an OCI layout, as others read it."""

    manifest: dict[str, Any]
    config: dict[str, Any]
    layers: tuple[Mapping[str, Entry], ...]

    @cached_property
    def files(self) -> dict[str, Entry]:
        """All that a container sees."""
        found: dict[str, Entry] = {}
        for layer in self.layers:
            for path in layer:
                folder, _, last = path.rpartition("/")
                if last == ".wh..wh..opq":
                    gone = f"{folder}/"
                elif last.startswith(".wh."):
                    gone = f"{folder}/{last[4:]}".lstrip("/")
                else:
                    continue
                for name in [n for n in found if n == gone or n.startswith(f"{gone.rstrip('/')}/")]:
                    del found[name]
            found |= {p: e for p, e in layer.items() if "/.wh." not in f"/{p}"}
        return found

    def text(self, path: str) -> str:
        """What is in a file."""
        return self.files[path].text

    @property
    def blobs(self) -> list[str]:
        """Digests of the layers, from the bottom."""
        return [layer["digest"] for layer in self.manifest["layers"]]


def images(yard: Yard, layout: str, *targets: str) -> dict[str, Image]:
    """Images by name (``app:one``), written to an OCI layout and read from there."""
    yard.export(yard.folder / layout, *targets)
    return images_in(yard.folder / layout)


def images_in(layout: Path) -> dict[str, Image]:
    """The images of an OCI layout, by name."""
    blobs = layout / "blobs" / "sha256"

    def document(digest: str) -> Any:
        return json.loads((blobs / digest.partition(":")[2]).read_bytes())

    found = {}
    for entry in json.loads((layout / "index.json").read_bytes())["manifests"]:
        name = entry["annotations"]["org.opencontainers.image.ref.name"]
        manifest = document(entry["digest"])
        layers = [blobs / x["digest"].partition(":")[2] for x in manifest["layers"]]
        found[name.rpartition("/")[2]] = Image(
            manifest, document(manifest["config"]["digest"]), tuple(map(entries, layers))
        )
    return found


def entries(archive: Path) -> dict[str, Entry]:
    """All that a layer holds, by path."""
    kinds = {tarfile.DIRTYPE: "directory", tarfile.SYMTYPE: "symlink", tarfile.LNKTYPE: "hardlink"}
    found = {}
    with tarfile.open(archive) as read:
        for info in read:
            file = read.extractfile(info) if info.isreg() else None
            data = file.read() if file else info.linkname.encode()
            kind = kinds.get(info.type, "file" if file else "other")
            found[info.name] = Entry(kind, info.mode, (info.uid, info.gid), data)
    return found


def steps_begun(told: str) -> list[str]:
    """The engine steps that a build says to have begun, such as ``run grid``."""
    return [" ".join(line.split()[1:3]) for line in told.splitlines() if line.startswith("start ")]


def changes(yard: Yard) -> dict[str, str]:
    """What the plan builds, and why: by step, such as ``run grid``."""
    plan = json.loads(yard.run("plan", "--json").stdout)
    return {
        f"{step['kind']} {step['name']}": step["reason"]
        for step in plan["steps"]
        if step["action"] == "build"
    }


# What is left behind


def processes(marker: str) -> list[int]:
    """Processes that have a word in their command line."""
    return [pid for pid, words in command_lines() if marker in words]


def command_lines() -> Iterator[tuple[int, str]]:
    """What every process was called with."""
    for place in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            yield int(place.parent.name), place.read_bytes().replace(b"\0", b" ").decode("latin-1")
        except OSError:
            continue


def mounts(folder: Path) -> list[str]:
    """Whatever is mounted in a folder or from it, as any process sees it."""
    found: set[str] = set()
    for place in Path("/proc").glob("[0-9]*/mountinfo"):
        try:
            found.update(line for line in place.read_text().splitlines() if f"{folder}/" in line)
        except OSError:
            continue
    return sorted(found)


def left_behind(store: Path, marker: str, within: float = 2) -> list[str]:
    """Mounts in a store and processes of a build that ended, if any stay so long."""
    end = time.monotonic() + within
    while True:
        found = mounts(store)
        found += [f"process {pid}" for word in (marker, f"{store}/") for pid in processes(word)]
        if not found or time.monotonic() > end:
            return found
        time.sleep(0.05)


def containers(yard: Yard) -> str:
    """buildah's containers in the store's own storage."""
    storage = yard.store / "cache" / "buildah" / "storage"
    words = ("--storage-driver", "overlay", "containers", "--all", "--quiet")
    return run("buildah", "--root", storage, *words)


@dataclass
class Running:
    """A build in the background."""

    process: subprocess.Popen[str]
    told: str = field(default="")

    def end(self, seconds: float = 20) -> int:
        """Wait for its end; its exit code."""
        self.told = self.process.communicate(timeout=seconds)[1]
        return self.process.returncode


def until_there(marker: str, build: subprocess.Popen[str]) -> None:
    """Wait for a process with *marker* in its command line."""
    end = time.monotonic() + 120
    while not [pid for pid in processes(marker) if pid != build.pid]:
        assert build.poll() is None, build.communicate()[1]
        assert time.monotonic() < end, f"no process {marker}"
        time.sleep(0.02)


@contextmanager
def building(yard: Yard, marker: str, *words: str, **env: str) -> Iterator[Running]:
    """A build, from when a process with *marker* in its command line runs until it ends."""
    with subprocess.Popen(
        [STACKYARD, "build", *words],
        cwd=yard.folder,
        env={**os.environ, "STACKYARD_STORE": str(yard.store), **yard.env, **env},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            until_there(marker, process)
            yield Running(process)
        finally:
            process.kill()
