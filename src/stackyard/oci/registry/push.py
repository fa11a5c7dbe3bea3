"""Pushing images: only blobs that are missing, then manifests, tags last."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass

from stackyard.errors import InputError
from stackyard.oci.descriptor import Descriptor
from stackyard.oci.reference import check_repository, check_tag
from stackyard.oci.registry.body import Advance
from stackyard.oci.registry.client import Registry
from stackyard.oci.registry.document import MANIFEST_LIMIT, Document, read_document
from stackyard.oci.registry.mount import mount
from stackyard.oci.registry.parallel import each
from stackyard.oci.registry.upload import send
from stackyard.oci.store import Store


@dataclass(frozen=True, slots=True)
class PushReport:
    """What a push moved.

    Attributes:
        repository: with its registry.
        manifest: the image or the index that was pushed.
        tags: the tags that now name it, in order.
        uploaded: blobs whose bytes were sent.
        mounted: blobs that the registry took over from another repository.
        present: blobs that were there; all of them when the manifest was.
    """

    repository: str
    manifest: Descriptor
    tags: tuple[str, ...]
    uploaded: tuple[Descriptor, ...]
    mounted: tuple[Descriptor, ...]
    present: tuple[Descriptor, ...]

    @property
    def uploaded_size(self) -> int:
        """How many bytes of blobs were sent."""
        return sum(blob.size for blob in self.uploaded)


class Push:
    """One push to one repository, blob by blob; safe for threads.

    A build can call `blob` for what is finished while it packs the rest, and
    `manifest` at the end.

    Args:
        client: the registry.
        repository: its name in the registry.
        mount_from: repositories of the same registry that may hold the blobs.
        advance: told of bytes as they are sent, or found to be there; negative
            when a broken upload starts again.

    Raises:
        InputError: a repository's name is malformed.
    """

    def __init__(
        self,
        client: Registry,
        repository: str,
        *,
        mount_from: Sequence[str] = (),
        advance: Advance | None = None,
    ) -> None:
        for name in (repository, *mount_from):
            check_repository(name, registry=client.registry)
        self._client = client
        self._repository = repository
        self._mount_from = tuple(mount_from)
        self._advance = advance or _nobody
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._uploaded: dict[str, Descriptor] = {}
        self._mounted: dict[str, Descriptor] = {}
        self._present: dict[str, Descriptor] = {}
        self._there: set[str] = set()
        self._named: dict[str, str] = {}

    def known(self, manifest: Descriptor, *tags: str) -> None:
        """Take note of what a look-up found in the repository, so that it is not asked again.

        Args:
            manifest: an image or an index that is there.
            tags: those that name it.
        """
        self._there.add(manifest.digest)
        self._named.update(dict.fromkeys(tags, manifest.digest))

    def stop(self) -> None:
        """Give up: transfers that are under way in other threads end soon."""
        self._stop.set()

    def blob(self, store: Store, blob: Descriptor) -> bool:
        """Make sure that the repository has a blob.

        Returns:
            Whether its bytes were sent; False when it was there or was mounted.

        Raises:
            OutsideError: the registry or the disk failed, or the blob is damaged.
            StoppedError: `stop` was called.
        """
        if blob.digest in self._settled():
            return False
        with self._client.turn(blob.digest):
            into = self._moved(store, blob)
        with self._lock:
            into[blob.digest] = blob
        return into is self._uploaded

    def manifest(self, store: Store, manifest: Descriptor, tags: Sequence[str]) -> PushReport:
        """Push an image: what is missing of its blobs, its manifest by digest, then the tags.

        Raises:
            InputError: a tag is malformed or the manifest too large; nothing was pushed.
            OutsideError: the registry or the disk failed; no tag was moved before
                everything else was there.
        """
        tags = _checked(tags)
        moving = self._to_move(manifest, tags)
        self._image(store, manifest)
        return self._tagged(store, manifest, tags, moving)

    def index(self, store: Store, index: Descriptor, tags: Sequence[str]) -> PushReport:
        """Push an index with all images that it lists, then the tags.

        Raises:
            InputError, OutsideError: as `manifest`.
        """
        tags = _checked(tags)
        moving = self._to_move(index, tags)
        if not self._has_manifest(index):
            document = self._document(store, index)
            for manifest in document.manifests:
                self._image(store, manifest)
            self._put(store, index, index.digest)
        return self._tagged(store, index, tags, moving)

    def _moved(self, store: Store, blob: Descriptor) -> dict[str, Descriptor]:
        client, repository = self._client, self._repository
        if repository in client.holders(blob.digest) or client.has_blob(
            repository, blob, push=True
        ):
            into = self._present
        elif mount(client, repository, blob, self._mount_from):
            into = self._mounted
        else:
            path = store.blob_path(blob.digest)
            send(client, repository, blob, path, advance=self._advance, stop=self._stop)
            into = self._uploaded
        client.note_holder(blob.digest, repository)
        if into is not self._uploaded:
            self._advance(blob.size)
        return into

    def _image(self, store: Store, manifest: Descriptor) -> None:
        blobs = {blob.digest: blob for blob in self._document(store, manifest).blobs}
        if self._has_manifest(manifest):
            # A registry takes a manifest only when it has what the manifest names.
            rest = {d: b for d, b in blobs.items() if d not in self._settled()}
            with self._lock:
                self._present.update(rest)
            self._advance(sum(blob.size for blob in rest.values()))
            return
        missing = sorted(blobs.values(), key=lambda blob: -blob.size)
        each(lambda b: self.blob(store, b), missing, self._client.parallel, self._stop)
        self._put(store, manifest, manifest.digest)

    def _settled(self) -> set[str]:
        """The digests that this push has already seen to."""
        with self._lock:
            return {*self._uploaded, *self._mounted, *self._present}

    def _has_manifest(self, manifest: Descriptor) -> bool:
        if manifest.digest not in self._there:
            found = self._client.exists(self._repository, manifest.digest, push=True)
            if found is None or found.size != manifest.size:
                return False
            self._there.add(manifest.digest)
        return True

    def _put(self, store: Store, manifest: Descriptor, reference: str) -> None:
        data = store.read(manifest.digest)
        self._client.put_manifest(self._repository, reference, data, manifest.media_type)
        self._there.add(manifest.digest)

    def _to_move(self, manifest: Descriptor, tags: Sequence[str]) -> list[str]:
        """The tags that do not name the manifest yet; one that does says that it is there."""
        moving = [tag for tag in tags if not self._names(tag, manifest)]
        if len(moving) < len(tags):
            self._there.add(manifest.digest)
        return moving

    def _names(self, tag: str, manifest: Descriptor) -> bool:
        if tag in self._named:
            return self._named[tag] == manifest.digest
        found = self._client.exists(self._repository, tag, push=True)
        return found is not None and found.digest == manifest.digest

    def _tagged(
        self, store: Store, manifest: Descriptor, tags: Sequence[str], moving: Sequence[str]
    ) -> PushReport:
        for tag in moving:
            self._named.pop(tag, None)
            self._put(store, manifest, tag)
        with self._lock:
            return PushReport(
                f"{self._client.registry}/{self._repository}",
                manifest,
                tuple(tags),
                tuple(self._uploaded.values()),
                tuple(self._mounted.values()),
                tuple(self._present.values()),
            )

    def _document(self, store: Store, manifest: Descriptor) -> Document:
        doing = f"pushing {self._client.registry}/{self._repository}@{manifest.digest}"
        if manifest.size > MANIFEST_LIMIT:
            raise InputError(
                f"{doing}: its manifest has {manifest.size} bytes, and registries take"
                f" {MANIFEST_LIMIT}",
                hint="use fewer layers, platforms or annotations",
            )
        return read_document(store.read(manifest.digest), manifest.media_type, doing)


def push(
    client: Registry,
    store: Store,
    manifest: Descriptor,
    repository: str,
    tags: Sequence[str],
    *,
    mount_from: Sequence[str] = (),
    advance: Advance | None = None,
) -> PushReport:
    """Push one image; see `Push`.

    Raises:
        InputError: a name or a tag is malformed; nothing was pushed.
        OutsideError: the registry or the disk failed; no tag was moved before
            everything else was there.
    """
    session = Push(client, repository, mount_from=mount_from, advance=advance)
    return session.manifest(store, manifest, tags)


def push_index(
    client: Registry,
    store: Store,
    index: Descriptor,
    repository: str,
    tags: Sequence[str],
    *,
    mount_from: Sequence[str] = (),
    advance: Advance | None = None,
) -> PushReport:
    """Push an index with all images that it lists; see `Push`.

    Raises:
        InputError, OutsideError: as `push`.
    """
    session = Push(client, repository, mount_from=mount_from, advance=advance)
    return session.index(store, index, tags)


def _checked(tags: Sequence[str]) -> tuple[str, ...]:
    for tag in tags:
        check_tag(tag)
    return tuple(dict.fromkeys(tags))


def _nobody(_: int) -> None:
    """Nobody watches."""
