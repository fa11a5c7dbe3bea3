"""Reading an image layout that somebody else wrote. Nothing in it is believed.

Only regular files inside the layout are opened, documents are bounded, and
everything is checked against its digest and size.
"""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from stackyard.errors import InputError
from stackyard.oci.descriptor import Descriptor, Platform
from stackyard.oci.digest import hex_of, sha256
from stackyard.oci.documents import parse
from stackyard.oci.store import MAX_DOCUMENT

_REMEDY = "make the image layout again"
_MAX_ENTRIES = 4096


@dataclass(frozen=True, slots=True)
class ForeignLayout:
    """An image layout directory."""

    directory: Path

    def index(self) -> list[Descriptor]:
        """The entries of its ``index.json``.

        Raises:
            InputError: there is none, or it is broken.
            OSError: the disk failed.
        """
        if not (self.directory / "oci-layout").is_file():
            raise InputError(
                f"{self.directory} is not an OCI image layout: it has no file oci-layout",
                hint="name the folder that has oci-layout, index.json and blobs in it",
            )
        with self._open("index.json") as file:
            data = file.read(MAX_DOCUMENT + 1)
        return self.entries(data, "index.json")

    def entries(self, document: bytes, name: str) -> list[Descriptor]:
        """The descriptors in an index.

        Raises:
            InputError: it is broken.
        """
        try:
            if len(document) > MAX_DOCUMENT:
                raise ValueError(f"longer than {MAX_DOCUMENT} bytes")
            found = [Descriptor.from_json(value) for value in parse(document)["manifests"]]
            if len(found) > _MAX_ENTRIES:
                raise ValueError(f"more than {_MAX_ENTRIES} entries")
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise self.broken(name, error) from error
        return found

    def document(self, descriptor: Descriptor) -> bytes:
        """A small blob, checked.

        Raises:
            InputError: it is missing, damaged, or too long.
            OSError: the disk failed.
        """
        if not 0 <= descriptor.size <= MAX_DOCUMENT:
            raise self.broken(descriptor.digest, f"a document of {descriptor.size} bytes")
        with self.open_blob(descriptor) as file:
            data = file.read(descriptor.size + 1)
        if len(data) != descriptor.size or sha256(data) != descriptor.digest:
            raise self.broken(descriptor.digest, "its content is not what its digest says")
        return data

    def platform(self, manifest: Descriptor) -> Platform:
        """What an image runs on, as its config says.

        Raises:
            InputError: the image is broken.
            OSError: the disk failed.
        """
        try:
            config = Descriptor.from_json(parse(self.document(manifest))["config"])
            return Platform.from_json(parse(self.document(config)))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise self.broken(manifest.digest, error) from error

    def open_blob(self, descriptor: Descriptor) -> BinaryIO:
        """A blob, not checked.

        Raises:
            InputError: it is missing, or no regular file inside the layout.
            OSError: the disk failed.
        """
        try:
            name = hex_of(descriptor.digest)
        except ValueError as error:
            raise self.broken("a descriptor", error) from error
        return self._open(f"blobs/sha256/{name}")

    def broken(self, name: str, found: object) -> InputError:
        """The error for a part that is not right."""
        said = repr(found) if isinstance(found, KeyError) else str(found)
        return InputError(f"{self.directory}: broken image layout: {name}: {said}", hint=_REMEDY)

    def _open(self, name: str) -> BinaryIO:
        path = self.directory / name
        try:
            real = path.resolve(strict=True)
        except (FileNotFoundError, NotADirectoryError, RuntimeError) as error:
            raise self.broken(name, "it is missing") from error
        if not real.is_relative_to(self.directory.resolve()):
            raise self.broken(name, "it is a link out of the layout")
        # A pipe would block here for ever, were it not for O_NONBLOCK.
        file = os.fdopen(os.open(real, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW), "rb")
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            file.close()
            raise self.broken(name, "it is not a regular file")
        return file
