"""What a store holds that nobody needs, and removing it.

Records name blobs, and blobs that are documents name others. So records are removed
before blobs: a kill in between leaves blobs without a name, which the next collection
finds, and never a record of something that is only half there.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stackyard.oci.digest import is_digest
from stackyard.oci.disk import disk
from stackyard.oci.leftovers import Item, cached, logs
from stackyard.oci.memos import Memo, memos
from stackyard.oci.scratch import own_place
from stackyard.oci.store import MAX_DOCUMENT, Store

RECORDS = "records"
BLOBS = "blobs"


@dataclass(frozen=True)
class Keep:
    """What is needed, whatever its age.

    Attributes:
        kinds: kinds of records that hold results: they stay when they are in `records`.
        records: (kind, key) of those that stay, with the blobs that they name.
        documents: kinds of records of what was written about images: they stay for as
            long as caches do, with the blobs that they name.

    Records of all other kinds tell something of blobs, and stay as long as these do.
    """

    kinds: Set[str]
    records: Set[tuple[str, str]]
    documents: Set[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Since:
    """Points in time, in seconds since the epoch.

    Attributes:
        made: what was written after this stays.
        used: caches and logs that were used after this stay.
    """

    made: float
    used: float


def find(store: Store, keep: Keep, since: Since, *, apart: Set[str] = frozenset()) -> list[Item]:
    """What can go, in the order in which it has to go.

    What tags name stays always, with all that it is made of.

    Args:
        store: where to look.
        keep: what is needed.
        since: what is too young to go.
        apart: caches that somebody else sees to.

    Raises:
        OutsideError: the disk is broken, or ``index.json`` is damaged.
    """
    every = memos(store)
    blobs = _blobs(store)
    held = [memo for memo in every if _is_held(memo, keep, since)]
    roots = [descriptor.digest for descriptor in store.tags().values()]
    roots += _digests([[memo.key, memo.value] for memo in held])
    needed = _closure(store, roots)
    gone = [b for b in blobs.values() if b.name not in needed and b.mtime <= since.made]
    left = blobs.keys() - {blob.name for blob in gone}
    stay = {(m.kind, m.key) for m in held}
    stay |= {(m.kind, m.key) for m in every if _tells_of(m, left, keep, since)}
    records = [
        Item(RECORDS, f"{m.kind}/{m.key}", m.size, (m.path,))
        for m in every
        if (m.kind, m.key) not in stay
    ]
    return [
        *records,
        *(Item(BLOBS, blob.name, blob.size, (blob.path,)) for blob in gone),
        *cached(store.root / "cache", since.used, apart),
        *logs(store.root / "logs", since.used),
    ]


def remove(store: Store, items: Iterable[Item]) -> None:
    """Remove what `find` found, while the store is `Store.held`.

    Args:
        store: where.
        items: in the order of `find`.

    Raises:
        OutsideError: something cannot be removed.
    """
    place = own_place(store.root / "tmp")
    for item in items:
        for path in item.paths:
            with disk(f"removing {path}"):
                _remove(path, place)


def _remove(path: Path, place: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        # A folder goes at once: what is under its name is whole.
        aside = place / f"gone-{path.name}"
        path.replace(aside)
        shutil.rmtree(aside)
    else:
        path.unlink(missing_ok=True)


@dataclass(frozen=True, slots=True)
class _Blob:
    name: str
    size: int
    mtime: float
    path: Path


def _blobs(store: Store) -> dict[str, _Blob]:
    folder = store.root / "blobs" / "sha256"
    found = {}
    with disk(f"reading {folder}"):
        for path in sorted(folder.iterdir()):
            digest = f"sha256:{path.name}"
            if is_digest(digest):
                facts = path.stat()
                found[digest] = _Blob(digest, facts.st_size, facts.st_mtime, path)
    return found


def _is_held(memo: Memo, keep: Keep, since: Since) -> bool:
    """Whether a record stays for its own sake, with the blobs that it names."""
    if memo.kind in keep.kinds:
        return (memo.kind, memo.key) in keep.records or memo.mtime > since.made
    return memo.kind in keep.documents and memo.mtime > since.used


def _tells_of(memo: Memo, left: Set[str], keep: Keep, since: Since) -> bool:
    """Whether a record tells of blobs that stay."""
    if memo.kind in keep.kinds or memo.kind in keep.documents:
        return False
    if is_digest(memo.key):
        return memo.key in left
    return memo.mtime > since.used and all(digest in left for digest in _digests(memo.value))


def _closure(store: Store, roots: Iterable[str]) -> set[str]:
    """These blobs, and all that documents among them name."""
    found: set[str] = set()
    waiting = list(roots)
    while waiting:
        digest = waiting.pop()
        if digest not in found:
            found.add(digest)
            waiting += _digests(_document(store.blob_path(digest)))
    return found


def _document(path: Path) -> Any:
    """A blob's content when it is a JSON object, else None."""
    with disk(f"reading {path}"):
        try:
            with path.open("rb") as file:
                if file.peek(1)[:1] != b"{":
                    return None
                data = file.read(MAX_DOCUMENT + 1)
        except FileNotFoundError:
            return None
    try:
        return json.loads(data) if len(data) <= MAX_DOCUMENT else None
    except (ValueError, RecursionError):
        return None


def _digests(value: Any) -> Iterator[str]:
    """Every digest in a JSON value, also as a key: more than point at blobs, none less."""
    waiting: list[Any] = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, str):
            if is_digest(one):
                yield one
        elif isinstance(one, Mapping):
            waiting += [*one, *one.values()]
        elif isinstance(one, Sequence):
            waiting += one
