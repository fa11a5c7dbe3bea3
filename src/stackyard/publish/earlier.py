"""What was published of an image before: versions that users may go on using."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from stackyard.oci.registry.client import Registry
from stackyard.publish.dates import Dates, tells_a_day
from stackyard.publish.shelf import read_shelf
from stackyard.publish.tagnames import variant_of


@dataclass(frozen=True, slots=True)
class EarlierEdition:
    """An edition that is in the registry.

    Attributes:
        tag: the one that never moves.
        published: when it was first published.
    """

    tag: str
    digest: str
    published: datetime


@dataclass(frozen=True, slots=True)
class History:
    """The editions of one variant, but the present one.

    Attributes:
        editions: newest first.
        undated: tags of those of which nothing tells when they were published.
    """

    editions: tuple[EarlierEdition, ...]
    undated: tuple[str, ...]


def histories(
    client: Registry, repository: str, present: Mapping[str, str], *, indexes: bool
) -> dict[str, History]:
    """What was published of an image before.

    Args:
        client: of the registry.
        repository: the image's.
        present: for each variant, the digest of its present edition.
        indexes: the stack has several platforms, so an edition is an index over them.

    Returns:
        By variant.

    Raises:
        OutsideError: the registry cannot be asked, or answers nonsense.
    """
    names = "|".join(map(re.escape, present))
    edition = re.compile(rf"(?:{names})-[0-9a-f]{{12}}")
    shelf = read_shelf(client, repository, lambda tag: edition.fullmatch(tag) or tells_a_day(tag))
    editions = [tag for tag in shelf.tags if edition.fullmatch(tag)]
    dates = Dates(shelf, [tag for tag in shelf.tags if tells_a_day(tag)])
    inner = {child for version in shelf.versions.values() for child in version.children}
    return {
        variant: _history(
            dates,
            {
                shelf.tags[tag]: tag
                for tag in editions
                if variant_of(shelf, tag) == variant
                and shelf.tags[tag] not in {digest, *inner}
                and (not indexes or shelf.versions[shelf.tags[tag]].children)
            },
        )
        for variant, digest in present.items()
    }


def _history(dates: Dates, tags: Mapping[str, str]) -> History:
    dated = dates.of([*tags])
    newest = sorted(dated, key=lambda digest: (dated[digest], tags[digest]), reverse=True)
    return History(
        tuple(EarlierEdition(tags[digest], digest, dated[digest]) for digest in newest),
        tuple(sorted(tag for digest, tag in tags.items() if digest not in dated)),
    )
