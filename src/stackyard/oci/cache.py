"""Files by key: what is costly to make again, and may be deleted at any time."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from stackyard.oci.disk import disk, is_full, outside
from stackyard.oci.scratch import own_place

_KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:+@-]{0,200}")


def checked_key(key: str) -> str:
    """*key*, which becomes a file's name.

    Raises:
        ValueError: it could be something else than a plain name.
    """
    if not _KEY.fullmatch(key):
        raise ValueError(f"not a key: {key!r}")
    return key


@dataclass(frozen=True, slots=True)
class Cache:
    """Files of one kind, by key. Safe for several processes at once.

    Attributes:
        directory: where the files are.
        tmp: where they are written first, on the same file system.
    """

    directory: Path
    tmp: Path

    def get(self, key: str) -> Path | None:
        """The file of *key*, or None when there is none."""
        path = self.directory / checked_key(key)
        return path if path.is_file() else None

    @contextmanager
    def create(self, key: str) -> Iterator[BinaryIO]:
        """A new file, open for writing and reading, that becomes *key*'s when the block ends well.

        When the block fails, nothing is left. Of two who create the same key,
        the last to end wins.

        Raises:
            OutsideError: the disk is full or broken.
        """
        target = self.directory / checked_key(key)
        doing = f"writing to {self.directory}"
        with disk(doing):
            self.directory.mkdir(parents=True, exist_ok=True)
            path = own_place(self.tmp) / f"cache-{secrets.token_hex(8)}"
            file = path.open("x+b", buffering=1 << 20)
        try:
            yield file
            with disk(doing):
                # Not synced: what a power cut leaves short is made again by who
                # finds it so, and waiting for the disk would cost more than that.
                file.close()
                path.replace(target)
        except OSError as error:
            if is_full(error):
                raise outside(doing, error) from error
            raise
        finally:
            with suppress(OSError):
                file.close()
            with suppress(OSError):
                path.unlink(missing_ok=True)
