"""All records of a store: what `Store.remember` wrote."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stackyard.oci.disk import disk
from stackyard.oci.store import Store


@dataclass(frozen=True)
class Memo:
    """One record.

    Attributes:
        size: bytes of its file.
        mtime: when it was written, in seconds since the epoch.
        value: empty when it is damaged.
    """

    kind: str
    key: str
    path: Path
    size: int
    mtime: float
    value: Mapping[str, Any]


def memos(store: Store) -> list[Memo]:
    """Every record, sorted by kind and key.

    Raises:
        OutsideError: the disk is broken.
    """
    folder = store.root / "memo"
    with disk(f"reading {folder}"):
        paths = sorted(folder.glob("*/*.json"))
        return [memo for path in paths for memo in _read(path)]


def _read(path: Path) -> Iterator[Memo]:
    try:
        facts = path.stat()
        data = path.read_bytes()
    except FileNotFoundError:
        return  # another process removed it
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        value = {}
    known = value if isinstance(value, dict) else {}
    yield Memo(path.parent.name, path.stem, path, facts.st_size, facts.st_mtime, known)
