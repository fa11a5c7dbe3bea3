"""What the store keeps besides blobs: costly to get again, and safe to delete."""

from __future__ import annotations

from pathlib import Path

from stackyard.oci.cache import Cache
from stackyard.oci.store import Store


def packed_wheels(store: Store) -> Cache:
    """Segments, by key."""
    return store.cache("segments")


def wheels(store: Store) -> Path:
    """Wheels as they were fetched."""
    return store.root / "cache" / "wheels"


def addresses(store: Store) -> Path:
    """Where locked wheels were seen; never in a lock."""
    return store.root / "cache" / "addresses"
