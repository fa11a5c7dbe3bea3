"""What is sent: bytes, or a file piece by piece; made anew for every try."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from stackyard.errors import OutsideError
from stackyard.oci.registry.patience import StoppedError

CHUNK = 1 << 20
Advance = Callable[[int], None]


@dataclass(frozen=True)
class Bytes:
    """A small document."""

    data: bytes

    @property
    def size(self) -> int:
        """How many bytes it has."""
        return len(self.data)

    def chunks(self) -> Iterator[bytes]:
        """The document, whole."""
        yield self.data


@dataclass
class FileBody:
    """A file of the store.

    Attributes:
        path: the file.
        size: how many bytes it has.
        advance: told of bytes as they are sent.
        stop: set when the transfer is given up.
        sent: how many bytes `advance` was told of.
    """

    path: Path
    size: int
    advance: Advance
    stop: threading.Event
    sent: int = 0

    def chunks(self) -> Iterator[bytes]:
        """The file from its start; an earlier try's progress is taken back."""
        self.take_back()
        try:
            with self.path.open("rb", buffering=0) as file:
                while data := file.read(CHUNK):
                    if self.stop.is_set():
                        raise StoppedError
                    yield data
                    self.sent += len(data)
                    self.advance(len(data))
        except OSError as error:
            raise OutsideError(
                f"reading {self.path}: {error.strerror}", hint="check the disk; then try again"
            ) from error

    def take_back(self) -> None:
        """Tell `advance` that what was sent does not count."""
        if self.sent:
            self.advance(-self.sent)
            self.sent = 0
