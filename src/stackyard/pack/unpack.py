"""A wheel file to the files that it installs, or one clear error."""

from __future__ import annotations

import configparser
import csv
import hashlib
import mmap
import posixpath
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from zipfile import BadZipFile, ZipFile

import installer
from installer.exceptions import InstallerError
from installer.records import InvalidRecordEntry

from stackyard.errors import InputError, OutsideError
from stackyard.oci.disk import disk
from stackyard.pack.compiler import Compiler
from stackyard.pack.contents import Item
from stackyard.pack.destination import ImageDestination
from stackyard.pack.task import WheelTask
from stackyard.pack.wheelsource import WheelArchive

INSTALLER = b"stackyard\n"
# What zipfile, installer, and the parsers beneath them raise for a broken wheel;
# BadWheelError, BrokenEntryError and UnicodeDecodeError are ValueErrors.
_BROKEN = (
    *(BadZipFile, InstallerError, InvalidRecordEntry, ValueError, KeyError, AssertionError),
    *(NotImplementedError, EOFError, OverflowError, RecursionError),
    *(csv.Error, configparser.Error),
)


@contextmanager
def unpacked(
    task: WheelTask, wheel: Path, compiler: Compiler | None
) -> Iterator[Mapping[str, Item]]:
    """The files that a wheel installs, by path in the image (no leading slash).

    They can be read within the block; an entry is checked when it is read.

    Args:
        task: which wheel, for which Python.
        wheel: the file.
        compiler: for the bytecode, if the task wants any.

    Raises:
        InputError: the wheel breaks the format's rules (also out of the block).
        OutsideError: the file cannot be read, or is another than the task says;
            or the compiler failed.
    """
    with disk(f"reading {task.filename}"), wheel.open("rb") as file, _clear_errors(task):
        data = _mapped(file.fileno())
        found = hashlib.sha256(data).hexdigest()
        if found != task.sha256:
            raise OutsideError(
                f"packing {task.filename}: its sha256 is {found}, and {task.sha256} is locked",
                hint=f"delete {wheel} and run again; if that does not help, the index serves"
                " another file than it did when the lock was made",
            )
        with ZipFile(file) as archive:
            archive.filename = task.filename
            yield _installed(WheelArchive(archive, data), task, compiler)


def _mapped(descriptor: int) -> memoryview:
    # Not closed: it goes with the last entry that has a slice of it.
    try:
        return memoryview(mmap.mmap(descriptor, 0, access=mmap.ACCESS_READ))
    except ValueError:  # an empty file
        return memoryview(b"")


@contextmanager
def _clear_errors(task: WheelTask) -> Iterator[None]:
    try:
        yield
    except _BROKEN as error:
        raise InputError(
            f"packing {task.filename}: {error or type(error).__name__}",
            hint="this wheel is broken; exclude its version in the stack file"
            " (name!=version), lock again, and tell its maintainers",
        ) from error


def _installed(source: WheelArchive, task: WheelTask, compiler: Compiler | None) -> dict[str, Item]:
    destination = ImageDestination(task, source.distribution)
    metadata = {"INSTALLER": INSTALLER}
    if task.requested:
        metadata["REQUESTED"] = b""
    installer.install(source, destination, metadata)
    if task.bytecode and compiler:
        _compile(destination, compiler)
    destination.finish()
    return destination.items


def _compile(destination: ImageDestination, compiler: Compiler) -> None:
    """Add a pyc for each module that compiles; RECORD has no hash for it, as with pip."""
    items = destination.items
    modules = destination.modules
    sources = ((f"/{path}", items[path].read()) for path in modules)
    for path, pyc in zip(modules, compiler.compile(sources), strict=True):
        if pyc is not None:
            folder, name = posixpath.split(path)
            place = f"{folder}/__pycache__/{name.removesuffix('.py')}.{compiler.cache_tag}.pyc"
            items[place] = Item(pyc, executable=False, digest=None)
