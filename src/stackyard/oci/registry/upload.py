"""Sending one blob: mounted where a sibling has it, else streamed in one PUT.

https://github.com/opencontainers/distribution-spec/blob/main/spec.md#pushing-blobs
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote, urlencode

import httpx

from stackyard.errors import OutsideError
from stackyard.oci.descriptor import Descriptor
from stackyard.oci.digest import is_digest
from stackyard.oci.registry.address import netloc
from stackyard.oci.registry.auth import Access
from stackyard.oci.registry.body import Advance, FileBody
from stackyard.oci.registry.client import Registry
from stackyard.oci.registry.faults import PassingError, nonsense
from stackyard.oci.registry.request import Request
from stackyard.oci.verify import hash_file

_OPENED = frozenset({202})
_MOUNTED = 201


def mount(client: Registry, repository: str, blob: Descriptor, siblings: Sequence[str]) -> bool:
    """Have the registry take a blob over from a sibling repository.

    Args:
        client: the registry.
        repository: where the blob shall be.
        blob: which one.
        siblings: repositories that may have it, tried in order.

    Returns:
        Whether it is there now. A registry that refuses to mount is no error.
    """
    for sibling in client.holders(blob.digest):
        if sibling != repository and _mounted(client, repository, blob, sibling):
            return True
    for sibling in siblings:
        if sibling == repository or sibling in client.holders(blob.digest):
            continue
        if _holds(client, sibling, blob):
            client.note_holder(blob.digest, sibling)
            return _mounted(client, repository, blob, sibling)
    return False


def send(
    client: Registry,
    repository: str,
    blob: Descriptor,
    path: Path,
    *,
    advance: Advance,
    stop: threading.Event,
) -> None:
    """Upload a blob; a broken upload starts again from the blob's first byte.

    Registries disagree on whether a broken upload can go on (docker's refuses
    the state it hands out itself), and a blob is small beside an image.

    Raises:
        OutsideError: the registry or the disk failed, or the blob is damaged.
        StoppedError: *stop* was set.
    """
    doing = f"pushing blob {blob.digest} to {client.registry}/{repository}"
    _check_size(path, blob, doing)
    body = FileBody(path, blob.size, advance, stop)
    access = Access(repository, push=True)

    def attempt() -> None:
        opened = client.transport.ask(
            Request(doing, "POST", f"{repository}/blobs/uploads/", access, _OPENED)
        )
        response = client.transport.ask(
            Request(
                doing,
                "PUT",
                _closing_address(opened, blob, doing),
                access,
                frozenset({201, 204}),
                {"Content-Type": "application/octet-stream"},
                body,
            )
        )
        client.check_digest(response, blob.digest, doing)

    try:
        client.patience.through(attempt, stop)
    except OutsideError as error:
        body.take_back()
        raise _explained(error, path, blob, doing) from error


def _mounted(client: Registry, repository: str, blob: Descriptor, sibling: str) -> bool:
    query = urlencode({"mount": blob.digest, "from": sibling})
    request = Request(
        f"mounting blob {blob.digest} in {client.registry}/{repository}",
        "POST",
        f"{repository}/blobs/uploads/?{query}",
        Access(repository, push=True, source=sibling),
        frozenset({201, 202, 400, 401, 403, 404, 405}),
    )
    response = client.ask(request)
    if response.status_code == 202:
        _cancel(client, repository, response, request.doing)
    return response.status_code == _MOUNTED


def _cancel(client: Registry, repository: str, opened: httpx.Response, doing: str) -> None:
    """A refused mount opens an upload instead; close it, so that none is left over."""
    try:
        client.transport.ask(
            Request(
                doing,
                "DELETE",
                _location(opened, doing),
                Access(repository, push=True),
                frozenset(range(200, 500)),
            )
        )
    except (PassingError, OutsideError):
        return


def _holds(client: Registry, sibling: str, blob: Descriptor) -> bool:
    try:
        return client.has_blob(sibling, blob)
    except OutsideError:
        return False


def _location(opened: httpx.Response, doing: str) -> str:
    location = opened.headers.get("location", "")
    if not location:
        raise nonsense(doing, netloc(opened.url), "no address to upload to")
    return str(opened.url.join(location))


def _closing_address(opened: httpx.Response, blob: Descriptor, doing: str) -> str:
    """The upload's address with the digest; its own query is signed, so stays as it is."""
    location = _location(opened, doing)
    return f"{location}{'&' if '?' in location else '?'}digest={quote(blob.digest, safe='')}"


def _check_size(path: Path, blob: Descriptor, doing: str) -> None:
    try:
        size = path.stat().st_size
    except OSError as error:
        raise OutsideError(
            f"{doing}: the store lacks it", hint="build (or fetch) the image again"
        ) from error
    if size != blob.size:
        raise _damaged(doing, path, f"it has {size} bytes in place of {blob.size}")


def _explained(error: OutsideError, path: Path, blob: Descriptor, doing: str) -> OutsideError:
    """When the registry refuses the digest, find out which side is wrong."""
    if "DIGEST_INVALID" not in error.message or not is_digest(blob.digest):
        return error
    with path.open("rb") as file:
        found = hash_file(file)
    return error if found == blob.digest else _damaged(doing, path, f"its content is {found}")


def _damaged(doing: str, path: Path, what: str) -> OutsideError:
    return OutsideError(
        f"{doing}: the store's copy is damaged: {what}",
        hint=f"delete {path} and build (or fetch) the image again",
    )
