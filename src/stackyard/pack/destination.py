"""Where `installer` installs to: the places in an image, collected and not yet written.

https://packaging.python.org/en/latest/specifications/recording-installed-packages/
"""

from __future__ import annotations

import csv
import io
import os
import posixpath
from collections.abc import Iterable
from typing import TYPE_CHECKING, BinaryIO

from installer.destinations import WheelDestination
from installer.records import RecordEntry
from installer.scripts import Script
from installer.utils import Scheme, fix_shebang

from stackyard.pack.contents import Item, record_digest
from stackyard.pack.paths import directories_of, problem_of
from stackyard.pack.task import WheelTask
from stackyard.pack.wheelentry import WheelEntry
from stackyard.pack.wheelsource import BadWheelError

if TYPE_CHECKING:
    from installer.scripts import ScriptSection


class ImageDestination(WheelDestination):
    """Collects what installing a wheel would write.

    Attributes:
        items: the files by path in the image, without a leading slash.
        modules: those of `items` that are importable from site-packages, as
            far as their place tells.
        record: where RECORD belongs; known once the installation is finalised.
    """

    def __init__(self, task: WheelTask, distribution: str) -> None:
        self.items: dict[str, Item] = {}
        self.modules: list[str] = []
        self.record = ""
        scheme = task.scheme
        self._interpreter = task.interpreter
        self._places = {
            "purelib": scheme.purelib,
            "platlib": scheme.platlib,
            "scripts": scheme.scripts,
            "data": scheme.data,
            # As pip does: each distribution has a folder of headers.
            "headers": f"{scheme.headers}/{distribution}",
        }
        self._generated: set[str] = set()

    def write_script(
        self, name: str, module: str, attr: str, section: ScriptSection
    ) -> RecordEntry:
        """Collect the script of an entry point."""
        if "/" in name:
            raise BadWheelError(f"it has a script {name!r}: it is a path")
        _, data = Script(name, module, attr, section).generate(self._interpreter, "posix")
        path = self._place("scripts", name)
        self._add(path, Item(data, executable=True, digest=record_digest(data)))
        self._generated.add(path)
        return RecordEntry(name, None, None)

    def write_file(
        self, scheme: Scheme, path: str | os.PathLike[str], stream: BinaryIO, is_executable: bool
    ) -> RecordEntry:
        """Collect a file of the wheel."""
        name = os.fspath(path)
        place = self._place(scheme, name)
        if place in self._generated:
            # Some wheels bring the script of an entry point too; pip overwrites it.
            return RecordEntry(name, None, None)
        item = (
            self._script(stream) if scheme == "scripts" else _item(stream, executable=is_executable)
        )
        self._add(place, item)
        if scheme in ("purelib", "platlib") and name.endswith(".py"):
            self.modules.append(place)
        return RecordEntry(name, None, None)

    def finalize_installation(
        self,
        scheme: Scheme,
        record_file_path: str,
        records: Iterable[tuple[Scheme, RecordEntry]],  # noqa: ARG002 - `items` knows them all
    ) -> None:
        """Note where RECORD belongs; `finish` makes it, when bytecode is there too."""
        self.record = self._place(scheme, record_file_path)
        if clash := sorted(directories_of(self.items) & self.items.keys()):
            raise BadWheelError(f"its /{clash[0]} is a file and a directory")

    def finish(self) -> None:
        """Add RECORD, which names every file, itself without a hash."""
        root = posixpath.dirname(posixpath.dirname(self.record))
        rows = [
            (_relative(path, root), item.digest or "", str(item.size) if item.digest else "")
            for path, item in self.items.items()
        ]
        text = io.StringIO(newline="")
        writer = csv.writer(text, lineterminator="\n")
        writer.writerows(sorted([*rows, (_relative(self.record, root), "", "")]))
        self.items[self.record] = Item(text.getvalue().encode(), executable=False, digest=None)

    def _place(self, scheme: str, name: str) -> str:
        if problem := problem_of(name):
            raise BadWheelError(f"it has a file {name!r}: {problem}")
        return f"{self._places[scheme]}/{name}"

    def _add(self, path: str, item: Item) -> None:
        if path in self.items:
            raise BadWheelError(f"two of its entries are for /{path}")
        self.items[path] = item

    def _script(self, stream: BinaryIO) -> Item:
        content = io.BytesIO(stream.read())
        with fix_shebang(content, self._interpreter) as fixed:
            data = fixed.read()
        return Item(data, executable=True, digest=record_digest(data))


def _item(stream: BinaryIO, *, executable: bool) -> Item:
    if isinstance(stream, WheelEntry):
        digest = stream.digest or record_digest(stream.content())
        return Item(stream, executable, digest)
    data = stream.read()
    return Item(data, executable, record_digest(data))


def _relative(path: str, root: str) -> str:
    """*path* seen from *root*; most are below it, and `posixpath.relpath` is slow."""
    return path[len(root) + 1 :] if path.startswith(f"{root}/") else posixpath.relpath(path, root)
