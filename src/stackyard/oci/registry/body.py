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
    """A file of the store, from `start` to its end.

    Attributes:
        path: the file.
        whole: how many bytes it has.
        advance: told of bytes as they are sent.
        stop: set when the transfer is given up.
        start: the first byte to send.
        told: how many bytes `advance` knows of, those before `start` included.
    """

    path: Path
    whole: int
    advance: Advance
    stop: threading.Event
    start: int = 0
    told: int = 0

    @property
    def size(self) -> int:
        """How many bytes there are to send."""
        return self.whole - self.start

    def chunks(self) -> Iterator[bytes]:
        """What there is to send; an earlier try's progress is taken back."""
        self._tell(self.start)
        try:
            with self.path.open("rb", buffering=0) as file:
                file.seek(self.start)
                while data := file.read(CHUNK):
                    if self.stop.is_set():
                        raise StoppedError
                    yield data
                    self._tell(self.told + len(data))
        except OSError as error:
            raise OutsideError(
                f"reading {self.path}: {error.strerror}", hint="check the disk; then try again"
            ) from error

    def take_back(self) -> None:
        """Tell `advance` that what was sent does not count."""
        self._tell(0)

    def _tell(self, position: int) -> None:
        if position != self.told:
            self.advance(position - self.told)
            self.told = position
