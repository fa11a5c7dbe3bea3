"""What a step changed, from the engine's archive to a layer of ours."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from stackyard.errors import InputError
from stackyard.inventory.debian import installed, interrupted
from stackyard.oci.decompress import reader
from stackyard.oci.disk import disk
from stackyard.oci.layer import Layer, layer_from_tar
from stackyard.oci.store import Store
from stackyard.oci.tar import Kind, TarEntry
from stackyard.system.archive import rewritten
from stackyard.system.clean import Cleaner
from stackyard.system.mmdebstrap import EPOCH
from stackyard.system.mountpoints import is_removal
from stackyard.system.secrets import Secrets

_STATUS = "var/lib/dpkg/status"
_UPDATES = re.compile(r"var/lib/dpkg/updates/[0-9]+")
_LONGEST_STATUS = 64 << 20
_DOING = "reading what the step made"
# What engines bring while a step runs, where we put a step's own things, and what apt
# keeps for its next call.
_PASSING = re.compile(
    r"(dev|proc|sys)(/.*)?|run(/(stackyard|secrets|\.containerenv)(/.*)?)?|\.dockerenv"
    r"|var/cache/apt/(archives/.*\.deb|archives/partial/.*|.*\.bin)"
)
_MADE_EMPTY = re.compile(r"etc/(hosts|hostname|resolv\.conf)")


@dataclass
class ReadBack:
    """Reads archives of one step; what it finds on the way is in its attributes.

    Attributes:
        store: takes the layers.
        secrets: may not be in them.
        generated: our own script did all of it.
        unasked: see `Result`.
        debs: Debian packages and versions after the step; None when it changed none.
        interrupted: packages that the step left half-installed.
        count: entries that were kept.
    """

    store: Store
    secrets: Secrets
    generated: bool
    unasked: frozenset[str] = frozenset()
    debs: Mapping[str, str] | None = None
    interrupted: tuple[str, ...] = ()
    count: int = 0
    _cleaner: Cleaner = field(default_factory=Cleaner)

    def layer(self, archive: Path) -> Layer | None:
        """Bring an archive into the store; None when nothing is left of it.

        Raises:
            InputError: a secret is in it, dpkg was interrupted, or a name leaves the root.
            OutsideError: the disk is full or broken.
        """
        self.count = 0
        with disk(f"reading {archive}"), archive.open("rb") as file:
            stream = rewritten(
                reader(file),
                self._change,
                _DOING,
                look=self._look,
                whole=False,
            )
            layer = layer_from_tar(self.store, stream)
        if self.interrupted:
            raise InputError(
                "the step leaves dpkg interrupted or locked: "
                + ", ".join(self.interrupted[:6])
                + (f" and {len(self.interrupted) - 6} more" if len(self.interrupted) > 6 else ""),
                hint="let apt-get or dpkg come to its end;"
                " `dpkg --configure -a` tells why it does not",
            )
        return layer if self.count else None

    def _change(self, entry: TarEntry) -> tuple[TarEntry, bytes | None] | None:
        kept = self._kept(entry)
        if kept is not None:
            self.count += 1
            names = f"{entry.name}\0{entry.target}".encode(errors="surrogateescape")
            if name := self.secrets.found_in(b"\0".join([names, *entry.xattrs.values()])):
                raise _leak(name, entry)
        if _UPDATES.fullmatch(entry.name):
            self.interrupted += (entry.name,)
        return kept

    def _kept(self, entry: TarEntry) -> tuple[TarEntry, bytes | None] | None:
        if _PASSING.fullmatch(entry.name) or is_removal(entry.name, self.unasked):
            return None
        if _MADE_EMPTY.fullmatch(entry.name) and entry.kind is Kind.FILE and not entry.size:
            return None
        if not self.generated:
            return entry, None
        # Our own script did nothing that minds times, and what it did is then the
        # same whenever it is done.
        cleaned = self._cleaner(entry)
        return None if cleaned is None else (replace(cleaned[0], mtime=EPOCH), cleaned[1])

    def _look(self, entry: TarEntry, pieces: Iterator[bytes]) -> Iterator[bytes]:
        def found(name: str) -> None:
            # While the layer is written, so that it never gets into the store.
            raise _leak(name, entry)

        watched = self.secrets.watched(pieces, found)
        if entry.name != _STATUS or entry.size > _LONGEST_STATUS:
            yield from watched
            return
        data = b"".join(watched)
        text = data.decode("utf-8", "replace")
        self.debs = installed([text])
        self.interrupted += interrupted(text)
        yield data


def _leak(name: str, entry: TarEntry) -> InputError:
    return InputError(
        f"the value of the secret {name} is in the layer, in /{entry.name}",
        hint="use it without writing it into the image; it is at"
        f" /run/secrets/{name} while the step runs",
    )
