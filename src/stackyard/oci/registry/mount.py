"""Having a registry take a blob over from another of its repositories.

https://github.com/opencontainers/distribution-spec/blob/main/spec.md#mounting-a-blob-from-another-repository
"""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import urlencode

import httpx

from stackyard.errors import OutsideError
from stackyard.oci.descriptor import Descriptor
from stackyard.oci.registry.auth import Access
from stackyard.oci.registry.client import Registry
from stackyard.oci.registry.faults import PassingError
from stackyard.oci.registry.request import Request
from stackyard.oci.registry.upload import upload_address

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
                upload_address(opened, doing),
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
