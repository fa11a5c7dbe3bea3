"""When an edition was published: its images are the same whenever they are built."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

from stackyard.oci.descriptor import Descriptor
from stackyard.oci.registry.client import Registry
from stackyard.oci.registry.referrers import listing
from stackyard.oci.store import Store
from stackyard.publish.attach import Document, attach_all
from stackyard.publish.shelf import Shelf

RECORD = "application/vnd.stackyard.published+json"
CREATED = "org.opencontainers.image.created"
_DATE = re.compile(r"(?:.*[^0-9])?(\d{4}-\d{2}-\d{2})(?:[^0-9].*)?")
_AT_ONCE = 8


def note_published(
    client: Registry, repository: str, store: Store, root: Descriptor, moment: datetime
) -> None:
    """Attach to an edition when it was first published: images themselves have no date.

    Raises:
        OutsideError: the registry or the disk failed, or the registry takes no artifacts.
    """
    if not any(entry.artifact_type == RECORD for entry in listing(client, repository, root.digest)):
        told = moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        record = Document("published.json", RECORD, b"{}", annotations={CREATED: told})
        attach_all(client, repository, store, root, [record])


def tells_a_day(tag: str) -> bool:
    """Whether a tag has a date in it."""
    return bool(_DATE.fullmatch(tag))


class Dates:
    """When editions were published, as what is attached to them says, or their tags do.

    Args:
        shelf: their repository.
        telling: tags that tell what is inside, some of them a day.
    """

    def __init__(self, shelf: Shelf, telling: Iterable[str]) -> None:
        self._shelf = shelf
        self._known: dict[str, datetime] = {}
        self._tags: dict[str, list[str]] = defaultdict(list)
        for tag in telling:
            self._tags[shelf.tags[tag]].append(tag)

    def of(self, digests: Sequence[str]) -> dict[str, datetime]:
        """When these were published; of some that may not be known.

        Raises:
            OutsideError: the registry cannot be asked, or answers nonsense.
        """
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            found = dict(zip(digests, pool.map(self._ask, digests), strict=True))
        self._known |= {digest: moment for digest, moment in found.items() if moment}
        return {digest: self._known[digest] for digest in digests if digest in self._known}

    def known(self, digest: str) -> datetime | None:
        """What `of` found."""
        return self._known.get(digest)

    def _ask(self, digest: str) -> datetime | None:
        there = listing(self._shelf.client, self._shelf.repository, digest)
        told = [entry.descriptor.annotations.get(CREATED, "") for entry in there]
        dates = [match[1] for tag in self._tags[digest] if (match := _DATE.fullmatch(tag))]
        return max(filter(None, map(_moment, (*told, *dates))), default=None)


def _moment(text: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
