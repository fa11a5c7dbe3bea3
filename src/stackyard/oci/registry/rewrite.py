"""Adding to what a tag names, when others may do so at the same time.

Registries have no conditional writes. So we read, write, and some times as long later
read again: who read before we wrote has written by then. Whoever finds that the addition
is gone adds it again. That is no proof; but what got lost all the same is found missing,
and added, by the next push.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable

from stackyard.errors import OutsideError
from stackyard.oci.digest import sha256
from stackyard.oci.registry.auth import Access
from stackyard.oci.registry.client import Registry
from stackyard.oci.registry.document import ACCEPT, MANIFEST_LIMIT
from stackyard.oci.registry.request import Request

_TRIES = 20
_SHORTEST, _LONGEST = 0.02, 2.0

Change = Callable[[bytes | None], bytes | None]
"""Told what is there (None for nothing), gives what to write, or None when all is well."""


def read_tag(client: Registry, repository: str, tag: str) -> bytes | None:
    """The manifest or index that a tag names, None when there is no such tag.

    Raises:
        OutsideError: the registry failed, refused, or lies about the digest.
    """
    request = Request(
        f"reading {client.registry}/{repository}:{tag}",
        "GET",
        f"{repository}/manifests/{tag}",
        Access(repository),
        frozenset({200, 404}),
        {"Accept": ACCEPT},
    )
    response, data = client.document(request, MANIFEST_LIMIT)
    if response.status_code == 404:
        return None
    client.check_digest(response, sha256(data), request.doing)
    return data


def rewrite(client: Registry, repository: str, tag: str, media_type: str, change: Change) -> bool:
    """Change what a tag names until the change stays.

    Returns:
        Whether anything was written.

    Raises:
        OutsideError: the registry failed or refused, or others undo the change every time.
    """
    with client.turn(f"{repository}:{tag}"):
        for attempt in range(_TRIES):
            began = time.monotonic()
            changed = change(read_tag(client, repository, tag))
            if changed is None:
                return attempt > 0
            client.put_manifest(repository, tag, changed, media_type)
            took = min(max(time.monotonic() - began, _SHORTEST), _LONGEST)
            time.sleep(took * (3 + random.random()))  # noqa: S311 - spreads clients
    raise OutsideError(
        f"writing {client.registry}/{repository}:{tag}: others replace it every time",
        hint="push an image from one machine at a time",
    )
