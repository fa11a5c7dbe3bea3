"""Fetching one blob: hashed as it streams into the store, resumed when it is cut."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator

import httpx

from stackyard.errors import OutsideError
from stackyard.oci.blob import BlobWriter
from stackyard.oci.descriptor import Descriptor
from stackyard.oci.digest import sha256
from stackyard.oci.registry.auth import Access
from stackyard.oci.registry.body import Advance
from stackyard.oci.registry.client import Registry, lying
from stackyard.oci.registry.patience import StoppedError
from stackyard.oci.registry.request import Request
from stackyard.oci.registry.wire import chunks
from stackyard.oci.store import Store

_RANGE = re.compile(r"bytes (\d+)-")


def small(client: Registry, repository: str, blob: Descriptor, limit: int) -> bytes:
    """A small blob, such as a config, checked.

    Args:
        client: the registry.
        repository: where the blob is.
        blob: which one.
        limit: the most bytes that it may have.

    Raises:
        OutsideError: it is not there, longer than it may be, or not what its digest says.
    """
    request = _request(client, repository, blob, 0)
    _, data = client.document(request, min(limit, blob.size))
    if sha256(data) != blob.digest:
        raise lying(request.doing, client.transport.host, blob.digest, sha256(data))
    return data


def fetch(
    client: Registry,
    repository: str,
    blob: Descriptor,
    store: Store,
    *,
    advance: Advance,
    stop: threading.Event,
) -> None:
    """Stream a blob into the store; a broken connection goes on where it was cut.

    Raises:
        OutsideError: the registry or the disk failed, or the blob is not what its
            digest and size say.
        StoppedError: *stop* was set.
    """
    with store.writer() as writer:

        def attempt() -> None:
            request = _request(client, repository, blob, writer.size)
            with client.transport.send(request) as response:
                for data in _rest(response, request.doing, writer.size):
                    if stop.is_set():
                        raise StoppedError
                    _append(client, writer, blob, data, request.doing)
                    advance(len(data))

        client.patience.through(attempt, stop, lambda: writer.size)
        try:
            # Waiting for the disk would take a third of a pull's time more, for what can
            # be fetched again: `pull` looks at sizes, so it does when it was cut short.
            writer.commit(blob.media_type, expect=blob.digest, expect_size=blob.size, sync=False)
        except OutsideError as error:
            name = f"{client.registry}/{repository}"
            raise OutsideError(f"pulling from {name}: {error.message}", hint=error.hint) from error


def _append(
    client: Registry, writer: BlobWriter, blob: Descriptor, data: bytes, doing: str
) -> None:
    if writer.size + len(data) > blob.size:
        raise lying(doing, client.transport.host, f"{blob.size} bytes", "more")
    writer.write(data)


def _rest(response: httpx.Response, doing: str, offset: int) -> Iterator[bytes]:
    """The body from *offset* on, also when the server starts from the beginning."""
    start = _RANGE.match(response.headers.get("content-range", ""))
    partial = response.status_code == 206 and start is not None and int(start[1]) == offset
    skip = 0 if partial else offset
    for data in chunks(response, doing):
        if skip >= len(data):
            skip -= len(data)
            continue
        yield data[skip:] if skip else data
        skip = 0


def _request(client: Registry, repository: str, blob: Descriptor, offset: int) -> Request:
    return Request(
        f"pulling blob {blob.digest} from {client.registry}/{repository}",
        "GET",
        f"{repository}/blobs/{blob.digest}",
        Access(repository),
        frozenset({200, 206}),
        {"Range": f"bytes={offset}-"} if offset else {},
    )
