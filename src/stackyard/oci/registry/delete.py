"""Deleting manifests, with every tag that names them.

https://github.com/opencontainers/distribution-spec/blob/main/spec.md#content-management

Always by digest: not every registry takes tags, docker's does not. So whoever deletes must
know that no tag that stays names the digest. Blobs go when the registry collects them.
"""

from __future__ import annotations

import httpx

from stackyard.errors import OutsideError
from stackyard.oci.digest import is_digest
from stackyard.oci.registry.auth import Access
from stackyard.oci.registry.client import Registry
from stackyard.oci.registry.document import MANIFEST_LIMIT
from stackyard.oci.registry.faults import PassingError, from_response
from stackyard.oci.registry.request import Request

_DONE = frozenset({200, 202, 204})
_GONE = frozenset({404, 410})
# Registries without deletion answer so, and some wrap it in a 400 or a 501.
_NOT_HERE = frozenset({400, 405, 501})
_PROTECTED = frozenset({409, 412, 423})


def delete_manifest(client: Registry, repository: str, digest: str) -> bool:
    """Delete a manifest or an index, and all tags of it.

    Args:
        client: the registry.
        repository: where it is.
        digest: of what is deleted.

    Returns:
        Whether it was there.

    Raises:
        OutsideError: the registry deletes nothing, or not this, or not for this user.
    """
    if not is_digest(digest):
        raise ValueError(f"not a digest: {digest}")
    request = Request(
        f"deleting {client.registry}/{repository}@{digest}",
        "DELETE",
        f"{repository}/manifests/{digest}",
        Access(repository, delete=True),
        _DONE | _GONE | _NOT_HERE | _PROTECTED,
    )
    response, body = client.document(request, MANIFEST_LIMIT)
    if response.status_code in _DONE:
        return True
    if response.status_code in _GONE and not _is_unsupported(body):
        return False
    raise _refused(response, body, request.doing)


def _is_unsupported(body: bytes) -> bool:
    return b"UNSUPPORTED" in body


def _refused(response: httpx.Response, body: bytes, doing: str) -> OutsideError:
    told = from_response(response, body, doing=doing, credentials="")
    message = (told.error if isinstance(told, PassingError) else told).message
    if response.status_code in _PROTECTED:
        return OutsideError(
            f"{message}: the registry protects it",
            hint="look for a rule there that makes tags immutable, or for a lock on this image",
        )
    if response.status_code == 400 and not _is_unsupported(body):
        return OutsideError(message, hint="see the registry's log for why")
    return OutsideError(
        f"{message}: it deletes nothing",
        hint="docker's registry does with storage.delete.enabled: true in its configuration"
        " (REGISTRY_STORAGE_DELETE_ENABLED=true); a mirror never does; hosted registries that"
        " do not have clean-up rules of their own",
    )
