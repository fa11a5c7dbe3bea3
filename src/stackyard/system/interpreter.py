"""Running a base's own Python on this machine, to compile for images that stand on it.

Bytecode may differ between patch releases, so the image's own interpreter gives the
same on every machine. It is run by its own dynamic loader out of a folder, without a
container. Only for Debian suites, whose packages apt has verified: nothing out of a
foreign image is ever run here.
"""

from __future__ import annotations

import fcntl
import os
import platform
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from stackyard.errors import OutsideError
from stackyard.inventory.tarstream import TarReader
from stackyard.oci.decompress import reader
from stackyard.oci.descriptor import Descriptor
from stackyard.oci.digest import hex_of
from stackyard.oci.disk import disk
from stackyard.oci.image import read_image
from stackyard.oci.store import Store
from stackyard.oci.tar import Kind, TarEntry

_TRIPLETS = {"linux/amd64": "x86_64-linux-gnu", "linux/arm64": "aarch64-linux-gnu"}
_MACHINES = {"x86_64": "linux/amd64", "aarch64": "linux/arm64"}
_LOADERS = {"linux/amd64": "ld-linux-x86-64.so.2", "linux/arm64": "ld-linux-aarch64.so.1"}
# The libraries that python3 itself is linked with, and what those were split into
# in older suites.
_LIBRARIES = (
    r"(ld-linux[^/]*|ld-[0-9.]+|lib(c|m|z|expat|dl|util|rt|pthread)([.-][^/]*)?)\.so[.0-9]*"
)


def runs_here(platform_name: str) -> bool:
    """Whether this machine is of the given platform, such as ``linux/amd64``."""
    return _MACHINES.get(platform.machine()) == platform_name


def python_of(store: Store, base: Descriptor, minor: str) -> tuple[str, ...]:
    """The command that runs the Python of a Debian base for this machine.

    It is unpacked once, into the store's cache.

    Args:
        store: has the base.
        base: its manifest.
        minor: such as ``3.13``.

    Raises:
        OutsideError: the base lacks it, or the disk is full.
    """
    folder = store.root / "cache" / "interpreters" / hex_of(base.digest)
    here = _MACHINES[platform.machine()]
    libraries = folder / "usr" / "lib" / _TRIPLETS[here]
    with disk(f"unpacking the Python of a base to {folder}"), _alone(folder):
        if not folder.is_dir():
            _unpack(store, base, minor, _TRIPLETS[here], folder)
        program = folder / "usr" / "bin" / f"python{minor}"
        loader = _loader(folder, libraries, _LOADERS[here])
        if not program.is_file() or loader is None:
            raise OutsideError(
                f"the base {base.digest} has no Python {minor} that runs here",
                hint="set `bytecode: false` in the stack file",
            )
    home = f"PYTHONHOME={folder / 'usr'}"
    return ("env", home, str(loader), "--library-path", str(libraries), str(program))


def _loader(folder: Path, libraries: Path, name: str) -> Path | None:
    places = (libraries / name, folder / "usr" / "lib" / name, folder / "usr" / "lib64" / name)
    return next((place for place in places if place.is_file()), None)


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    folder.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(folder.with_suffix(".lock"), os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _unpack(store: Store, base: Descriptor, minor: str, triplet: str, folder: Path) -> None:
    wanted = re.compile(
        rf"usr/bin/python{re.escape(minor)}|usr/lib/python{re.escape(minor)}/.*\.pyc?"
        rf"|(usr/)?lib(64)?/({triplet}/)?{_LIBRARIES}"
    )
    with store.scratch() as scratch:
        tree = scratch / "python"
        tree.mkdir()
        for layer in read_image(store, base).layers:
            with store.open_blob(layer.descriptor.digest) as blob:
                archive = TarReader(reader(blob))
                for entry in archive:
                    if wanted.fullmatch(entry.name) and ".." not in entry.name.split("/"):
                        _place(archive, entry, tree, triplet)
        shutil.move(tree, folder)


def _place(archive: TarReader, entry: TarEntry, tree: Path, triplet: str) -> None:
    # Before usrmerge libraries were in /lib; all go to one place here.
    name = entry.name if entry.name.startswith("usr/") else f"usr/{entry.name}"
    target = tree / name
    target.parent.mkdir(parents=True, exist_ok=True)
    if entry.kind is Kind.FILE:
        with target.open("wb") as file:
            file.writelines(archive.chunks())
        target.chmod(0o755)
    elif entry.kind is Kind.SYMLINK:
        link = Path(entry.target).name
        same = tree / "usr" / "lib" / triplet / link
        target.symlink_to(os.path.relpath(same, target.parent))
