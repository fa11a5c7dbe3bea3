"""Which images of a repository are old enough to be deleted.

Of each image and variant the last few editions stay, and whatever else is named: by a tag
that moves or that is not ours, by the present plan, by a list of what is in use. An
edition goes as a whole: its index, its images, all its tags, what is attached to them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Set
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from stackyard.oci.registry.delete import delete_manifest
from stackyard.oci.registry.referrers import listing
from stackyard.publish.dates import Dates
from stackyard.publish.shelf import ATTACHED, Shelf, Version, read_version
from stackyard.publish.tagnames import TagKind, kind_of, telling_patterns, variant_of, variants_of
from stackyard.stack.values import Stack

_AT_ONCE = 8
_DEEP = 3

Kind = Literal["image", "base", "attached"]


@dataclass(frozen=True)
class Policy:
    """What stays.

    Attributes:
        keep: how many editions of each variant.
        planned: tags of what the stack file describes now.
        used: words and digests that stand in lists of what is in use; tags among them stay.
    """

    keep: int
    planned: Set[str]
    used: Set[str]


@dataclass(frozen=True)
class Leaving:
    """A manifest or an index that goes, with all tags that name it."""

    kind: Kind
    repository: str
    version: Version
    tags: tuple[str, ...]
    published: datetime | None = None


@dataclass(frozen=True)
class Outcome:
    """What is to become of a repository.

    Attributes:
        leaving: in the order in which it is deleted.
        staying: the images that stay.
        undated: tags of editions that stay because nothing tells when they were published.
    """

    shelf: Shelf
    leaving: tuple[Leaving, ...]
    staying: tuple[Version, ...]
    undated: tuple[str, ...]


def find(shelf: Shelf, stack: Stack, policy: Policy) -> Outcome:
    """Decide about everything in a repository.

    Raises:
        OutsideError: the registry cannot be asked, or answers nonsense.
    """
    patterns = telling_patterns(stack, variants_of(shelf, shelf.tags))
    kinds = {tag: kind_of(shelf, tag, patterns, stack) for tag in shelf.tags}
    dates = Dates(shelf, [tag for tag, kind in kinds.items() if kind is TagKind.TELLING])
    stay = {shelf.tags[t] for t in shelf.tags if _is_named(t, kinds[t], policy)}
    stay |= shelf.versions.keys() & policy.used
    stay = _with_children(shelf, stay)
    recent, undated = _recent(shelf, kinds, dates, policy.keep)
    undated = {tag for tag in undated if shelf.tags[tag] not in stay}
    stay |= _with_children(shelf, recent)
    bases = {v.base[:12] for digest in stay if (v := shelf.versions.get(digest)) and v.base}
    for tag, kind in kinds.items():
        if kind is TagKind.BASE and tag.removeprefix("base-") in bases:
            stay.add(shelf.tags[tag])
    images = _unnamed(shelf, kinds, stay, (TagKind.EDITION, TagKind.TELLING))
    old = _with_children(shelf, images) - stay
    roots = sorted(old, key=lambda digest: (not shelf.versions[digest].children, digest))
    below = sorted(_unnamed(shelf, kinds, stay, (TagKind.BASE,)) - old)
    attached = _attached(shelf, kinds, [*roots, *below], stay)
    leaving = [
        *(_leaving(shelf, "image", shelf.versions[d], dates.known(d)) for d in roots),
        *(_leaving(shelf, "attached", version) for version in attached),
        *(_leaving(shelf, "base", shelf.versions[d]) for d in below),
    ]
    gone = {entry.version.digest for entry in leaving}
    staying = tuple(v for digest, v in shelf.versions.items() if digest not in gone)
    return Outcome(shelf, tuple(leaving), staying, tuple(sorted(undated)))


def delete(outcome: Outcome, leaving: Leaving) -> bool:
    """Delete one; whether it was still there.

    Raises:
        OutsideError: the registry refuses.
    """
    return delete_manifest(outcome.shelf.client, leaving.repository, leaving.version.digest)


def _is_named(tag: str, kind: TagKind, policy: Policy) -> bool:
    """Whether what a tag names stays because of this tag."""
    if kind is TagKind.ATTACHED:
        return False
    return kind is TagKind.OTHER or tag in policy.planned or tag in policy.used


def _recent(
    shelf: Shelf, kinds: Mapping[str, TagKind], dates: Dates, keep: int
) -> tuple[set[str], set[str]]:
    """The last editions of each variant with those without a date; and these ones' tags."""
    editions = {shelf.tags[tag]: tag for tag, kind in kinds.items() if kind is TagKind.EDITION}
    inner = {c for digest in editions for c in shelf.versions[digest].children}
    groups: dict[tuple[str | None, bool], list[str]] = defaultdict(list)
    for digest, tag in editions.items():
        if digest not in inner:
            whole = bool(shelf.versions[digest].children)
            groups[variant_of(shelf, tag), whole].append(digest)
    recent: set[str] = set()
    undated: set[str] = set()
    for digests in groups.values():
        if len(digests) <= keep:
            recent.update(digests)
            continue
        dated = dates.of(digests)
        undated.update(editions[digest] for digest in digests if digest not in dated)
        recent.update(digest for digest in digests if digest not in dated)
        newest = sorted(dated, key=lambda digest: (dated[digest], editions[digest]), reverse=True)
        recent.update(newest[:keep])
    return recent, undated


def _with_children(shelf: Shelf, digests: Set[str]) -> set[str]:
    found: set[str] = set()
    waiting = list(digests)
    while waiting:
        digest = waiting.pop()
        if digest not in found:
            found.add(digest)
            version = shelf.versions.get(digest)
            waiting += [c for c in version.children if c in shelf.versions] if version else []
    return found


def _unnamed(
    shelf: Shelf, kinds: Mapping[str, TagKind], stay: Set[str], of: tuple[TagKind, ...]
) -> set[str]:
    return {shelf.tags[tag] for tag, kind in kinds.items() if kind in of} - stay


def _attached(
    shelf: Shelf, kinds: Mapping[str, TagKind], leaving: list[str], stay: Set[str]
) -> list[Version]:
    """What is attached to those that go, and to what is gone already."""
    tagged = {tag: kind for tag, kind in kinds.items() if kind is TagKind.ATTACHED}
    subjects = {tag: f"sha256:{match[1]}" for tag in tagged if (match := ATTACHED.fullmatch(tag))}
    going = {*leaving}
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        found = {r for rs in pool.map(lambda d: list(_referrers(shelf, d)), leaving) for r in rs}
        going |= found
        unknown = sorted({*subjects.values()} - going - shelf.versions.keys() - stay)
        there = pool.map(lambda d: shelf.client.exists(shelf.repository, d), unknown)
        going |= {digest for digest, one in zip(unknown, there, strict=True) if one is None}
        kept = stay | {shelf.tags[tag] for tag, subject in subjects.items() if subject not in going}
        found |= {shelf.tags[tag] for tag, subject in subjects.items() if subject in going}
        done = kept | {*leaving}
        versions: list[Version] = []
        while wanted := sorted(found - done):
            done |= {*wanted}
            read = pool.map(lambda d: read_version(shelf.client, shelf.repository, d), wanted)
            versions += filter(None, read)
            found |= {child for version in versions for child in version.children}
    # Indexes last: they are what the others are found by.
    return sorted(versions, key=lambda version: bool(version.children))


def _referrers(shelf: Shelf, digest: str, depth: int = 0) -> Iterator[str]:
    """What names an image as its subject, and what names that."""
    if depth < _DEEP:
        for entry in listing(shelf.client, shelf.repository, digest):
            yield entry.descriptor.digest
            yield from _referrers(shelf, entry.descriptor.digest, depth + 1)


def _leaving(shelf: Shelf, kind: Kind, version: Version, moment: datetime | None = None) -> Leaving:
    tags = tuple(sorted(tag for tag, digest in shelf.tags.items() if digest == version.digest))
    return Leaving(kind, shelf.repository, version, tags, moment)
