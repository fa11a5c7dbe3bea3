"""Keys: the hash of everything that decides what a step makes.

Same key, same result: a key is never built twice. Whatever changes the bytes a
step writes must be in its key, `FORMAT` included.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

FORMAT = 1
"""Raise it when the same inputs come to give other bytes."""


def key_of(kind: str, **parts: Any) -> str:
    """The key of a step of *kind*: 64 hex digits over its *parts*, which must be JSON."""
    text = json.dumps(
        [FORMAT, kind, parts], sort_keys=True, separators=(",", ":"), ensure_ascii=False
    )
    return hashlib.sha256(text.encode()).hexdigest()
