"""The local content-addressed store: an OCI image layout with caches beside it.

https://github.com/opencontainers/image-spec/blob/main/image-layout.md

Several processes may use one store at once, and each may be killed at any
moment: everything is written under ``tmp`` and renamed when it is right, and
``index.json`` changes under a lock.
"""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

from stackyard.errors import InputError, OutsideError
from stackyard.oci.blob import BlobWriter, is_whole
from stackyard.oci.cache import Cache, checked_key
from stackyard.oci.descriptor import NO_ANNOTATIONS, Descriptor
from stackyard.oci.digest import hex_of, sha256
from stackyard.oci.disk import disk
from stackyard.oci.documents import LAYOUT, canonical, index_of, read_index, tags_of
from stackyard.oci.scratch import others, own_place, remove, sweep
from stackyard.oci.verify import hash_file

MAX_DOCUMENT = 16 << 20


class Store:
    """The store at *root*; use `Store.open`. Cheap to pickle for worker processes."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._blobs = root / "blobs" / "sha256"
        self._tmp = root / "tmp"

    def __reduce__(self) -> tuple[type[Store], tuple[Path]]:
        return Store, (self.root,)

    @classmethod
    def open(cls, root: Path) -> Store:
        """Open the store at *root*, making it if needed, and clear dead processes' leftovers.

        Raises:
            OutsideError: *root* cannot be made or written.
        """
        store = cls(root.absolute())
        with disk(f"opening the store {root}"):
            store._blobs.mkdir(parents=True, exist_ok=True)
            store._tmp.mkdir(exist_ok=True)
            sweep(store._tmp)
            if not (root / "oci-layout").is_file():
                store._replace(root / "oci-layout", LAYOUT)
            with store._locked():
                if not (root / "index.json").is_file():
                    store._replace(root / "index.json", index_of({}))
        return store

    # Blobs

    def has(self, digest: str) -> bool:
        """Whether the blob is here."""
        return self.blob_path(digest).is_file()

    def blob_path(self, digest: str) -> Path:
        """Where the blob is, or would be.

        Raises:
            InputError: *digest* is not a sha256 digest.
        """
        try:
            return self._blobs / hex_of(digest)
        except ValueError as error:
            raise InputError(
                f"reading an image: {error}", hint="the image's documents are broken; make it again"
            ) from error

    def read(self, digest: str) -> bytes:
        """The content of a small blob (a document), checked.

        Raises:
            OutsideError: it is not here, longer than `MAX_DOCUMENT`, or damaged.
        """
        with self.open_blob(digest) as file, disk(f"reading blob {digest}"):
            data = file.read(MAX_DOCUMENT + 1)
        if len(data) > MAX_DOCUMENT:
            raise OutsideError(
                f"reading blob {digest}: longer than {MAX_DOCUMENT} bytes, so not a document",
                hint="the image's documents are broken; make it again",
            )
        if sha256(data) != digest:
            raise self._damaged(digest)
        return data

    def open_blob(self, digest: str) -> BinaryIO:
        """The blob, open for reading. Its content is not checked.

        Raises:
            OutsideError: it is not here.
        """
        path = self.blob_path(digest)
        with disk(f"reading blob {digest}"):
            try:
                return path.open("rb")
            except FileNotFoundError:
                raise OutsideError(
                    f"the store {self.root} lacks blob {digest}",
                    hint="it was removed or never finished; build (or fetch) the image again",
                ) from None

    def verify(self, digest: str) -> None:
        """Read the whole blob and check that it is what its digest says.

        Raises:
            OutsideError: it is not here, or damaged.
        """
        with self.open_blob(digest) as file, disk(f"reading blob {digest}"):
            found = hash_file(file)
        if found != digest:
            raise self._damaged(digest)

    def put(
        self, data: bytes, media_type: str, annotations: Mapping[str, str] = NO_ANNOTATIONS
    ) -> Descriptor:
        """Store *data*; does nothing when it is here already.

        Raises:
            OutsideError: the disk is full or broken.
        """
        digest = sha256(data)
        if is_whole(self.blob_path(digest), len(data)):
            return Descriptor(media_type, digest, len(data), annotations)
        with self.writer() as writer:
            writer.write(data)
            return writer.commit(media_type, annotations=annotations)

    @contextmanager
    def writer(self) -> Iterator[BlobWriter]:
        """Write a blob piece by piece; leaving without `BlobWriter.commit` drops it."""
        with disk(f"writing to the store {self.root}"):
            place = own_place(self._tmp)
        writer = BlobWriter(place, self._blobs)
        try:
            yield writer
        finally:
            writer.discard()

    # Tags

    def tag(self, name: str, descriptor: Descriptor) -> None:
        """Give *descriptor* a name, which it takes from any other that has it.

        Raises:
            OutsideError: the disk is full or broken, or ``index.json`` is damaged.
        """
        self._change_tags({name: descriptor})

    def untag(self, name: str) -> None:
        """Drop a name; nothing happens when nobody has it.

        Raises:
            OutsideError: the disk is full or broken, or ``index.json`` is damaged.
        """
        self._change_tags({name: None})

    def tags(self) -> dict[str, Descriptor]:
        """Every name and what it stands for, sorted by name.

        Raises:
            OutsideError: ``index.json`` cannot be read, or is damaged.
        """
        path = self.root / "index.json"
        with disk(f"reading {path}"):
            return tags_of(read_index(path))

    def _change_tags(self, changes: Mapping[str, Descriptor | None]) -> None:
        with self._locked():
            tags: dict[str, Descriptor | None] = {**self.tags(), **changes}
            kept = {name: value for name, value in tags.items() if value is not None}
            self._replace(self.root / "index.json", index_of(kept))

    # Memos, caches, scratch

    def recall(self, kind: str, key: str) -> dict[str, Any] | None:
        """What `remember` was told, or None. A damaged record counts as forgotten."""
        # Not by pathlib, which would take longer than the file system: a plan asks
        # for thousands.
        name = f"{self.root}/memo/{checked_key(kind)}/{checked_key(key)}.json"
        try:
            with open(name, "rb") as file:  # noqa: PTH123 - see above
                value = json.loads(file.read())
        except (OSError, ValueError, RecursionError):
            return None
        return value if isinstance(value, dict) else None

    def remember(self, kind: str, key: str, value: Mapping[str, Any]) -> None:
        """Note what *key* made: a small JSON object.

        Raises:
            OutsideError: the disk is full or broken.
        """
        path = self._memo(kind, key)
        with disk(f"writing to {path.parent}"):
            path.parent.mkdir(parents=True, exist_ok=True)
        # Not synced: a record that a power failure empties counts as forgotten.
        self._replace(path, canonical(value), sync=False)

    def cache(self, kind: str) -> Cache:
        """The files of one kind that are kept by key."""
        return Cache(self.root / "cache" / checked_key(kind), self._tmp)

    @contextmanager
    def scratch(self) -> Iterator[Path]:
        """An empty folder on the store's file system, removed afterwards.

        Raises:
            OutsideError: the disk is full or broken.
        """
        with disk(f"writing to the store {self.root}"):
            path = Path(tempfile.mkdtemp(prefix="scratch-", dir=own_place(self._tmp)))
        try:
            yield path
        finally:
            remove(path)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Let nobody else open the store, nor change its tags, while the block runs.

        Raises:
            OutsideError: the disk is full or broken, or another process, which had the
                store open before, is writing to it.
        """
        with self._locked():
            with disk(f"looking for other users of the store {self.root}"):
                count = others(self._tmp)
            if count:
                users = "another process uses" if count == 1 else f"{count} other processes use"
                raise OutsideError(
                    f"{users} the store {self.root}", hint="wait until that is done, then run again"
                )
            yield

    # Inside

    def _memo(self, kind: str, key: str) -> Path:
        return self.root / "memo" / checked_key(kind) / f"{checked_key(key)}.json"

    def _replace(self, path: Path, data: bytes, *, sync: bool = True) -> None:
        """Write a small file whole or not at all."""
        with disk(f"writing {path}"):
            beside = own_place(self._tmp) / f"file-{secrets.token_hex(8)}"
            try:
                with beside.open("xb") as file:
                    file.write(data)
                    file.flush()
                    if sync:
                        os.fdatasync(file.fileno())
                beside.replace(path)
            finally:
                with suppress(OSError):
                    beside.unlink(missing_ok=True)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        with disk(f"locking the store {self.root}"):
            descriptor = os.open(self.root / "lock", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o644)
        try:
            with disk(f"locking the store {self.root}"):
                fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    def _damaged(self, digest: str) -> OutsideError:
        return OutsideError(
            f"blob {digest} in the store is damaged: its content has another digest",
            hint=f"delete {self.blob_path(digest)} and build (or fetch) the image again",
        )
