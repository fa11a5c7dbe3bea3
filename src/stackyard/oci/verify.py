"""Hashing what is too big to hold in memory."""

from __future__ import annotations

import hashlib
from typing import BinaryIO

_CHUNK = 1 << 20


def hash_file(file: BinaryIO) -> str:
    """The digest of what is left in *file*."""
    found = hashlib.sha256()
    while piece := file.read(_CHUNK):
        found.update(piece)
    return f"sha256:{found.hexdigest()}"
