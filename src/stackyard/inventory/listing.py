"""What a layer holds: its entries, and what its package records say; read once for all images.

Images share most of their layers, so what was read of one is kept in the store.
"""

from __future__ import annotations

import gzip
import json
import os
import zlib
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from stackyard.errors import InputError
from stackyard.inventory.records import is_record
from stackyard.inventory.tarstream import TarError, TarReader
from stackyard.oci.decompress import reader
from stackyard.oci.disk import disk
from stackyard.oci.layer import Layer
from stackyard.oci.store import Store
from stackyard.oci.tar import Kind, TarEntry

_CACHE = "listing-1"  # another number when a layer comes to be listed otherwise
_MOST_ENTRIES = 2_000_000
_MOST_TEXT = 16 << 20
_MOST_TEXTS = 256 << 20


@dataclass(frozen=True, slots=True)
class Listing:
    """A layer's members.

    Attributes:
        entries: in the archive's order; owner, time and attributes are left out.
        texts: what package records in it say, by name; bytes that are not UTF-8
            are surrogate escapes.
    """

    entries: tuple[TarEntry, ...]
    texts: dict[str, str]


def listings(store: Store, layers: Sequence[Layer]) -> list[Listing]:
    """What each layer holds.

    Args:
        store: has the layers.
        layers: from the bottom.

    Raises:
        InputError: a layer is no tar archive, or one that only an attacker makes.
        OutsideError: a layer is missing, damaged or compressed with zstd.
    """
    # Decompressing, which is most of it, leaves Python to others.
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        found = list(pool.map(lambda layer: _listing(store, layer), layers))
    size = sum(len(text) for listing in found for text in listing.texts.values())
    if size > _MOST_TEXTS:
        raise _hostile("the image", f"its package records are {size} bytes long")
    return found


def _listing(store: Store, layer: Layer) -> Listing:
    cache = store.cache(_CACHE)
    path = cache.get(layer.diff_id)
    if path is not None:
        try:
            with gzip.open(path) as file:
                return _from_json(json.load(file))
        except (OSError, EOFError, zlib.error, ValueError, TypeError, KeyError, RecursionError):
            pass  # a power cut left it short: it is made again
    found = _read(store, layer)
    with cache.create(layer.diff_id) as out, gzip.open(out, "wb", compresslevel=1) as file:
        file.write(json.dumps(_to_json(found), separators=(",", ":")).encode())
    return found


def _read(store: Store, layer: Layer) -> Listing:
    digest = layer.descriptor.digest
    try:
        with store.open_blob(digest) as blob, disk(f"reading layer {digest}"):
            return _members(TarReader(reader(blob)))
    except (TarError, ValueError) as error:
        raise _hostile(f"layer {digest}", str(error)) from error


def _members(tar: TarReader) -> Listing:
    entries: list[TarEntry] = []
    texts: dict[str, str] = {}
    size = 0
    for entry in tar:
        entries.append(
            TarEntry(entry.name, entry.kind, entry.mode, entry.size, target=entry.target)
        )
        if len(entries) > _MOST_ENTRIES:
            raise ValueError(f"it has more than {_MOST_ENTRIES} entries")
        if entry.kind is Kind.FILE and is_record(entry.name):
            size += entry.size
            if entry.size > _MOST_TEXT or size > _MOST_TEXTS:
                raise ValueError(f"its package records are longer than {_MOST_TEXT >> 20} MiB")
            texts[entry.name] = tar.read().decode("utf-8", "surrogateescape")
    return Listing(tuple(entries), texts)


def _to_json(listing: Listing) -> dict[str, Any]:
    entries = [[e.name, e.kind.value.decode(), e.mode, e.size, e.target] for e in listing.entries]
    return {"entries": entries, "texts": listing.texts}


def _from_json(value: dict[str, Any]) -> Listing:
    return Listing(tuple(_entries(value["entries"])), dict(value["texts"]))


def _entries(rows: Iterable[Sequence[Any]]) -> Iterable[TarEntry]:
    kinds = {kind.value.decode(): kind for kind in Kind}
    for name, kind, mode, size, target in rows:
        yield TarEntry(name, kinds[kind], mode, size, target=target)


def _hostile(what: str, why: str) -> InputError:
    return InputError(f"reading {what}: {why}", hint="the image is broken or hostile; use another")
