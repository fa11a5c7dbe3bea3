"""Content digests, as the OCI image specification writes them.

https://github.com/opencontainers/image-spec/blob/main/descriptor.md#digests
"""

from __future__ import annotations

import hashlib
import re

_SHA256 = re.compile(r"sha256:[0-9a-f]{64}")


def sha256(data: bytes) -> str:
    """The digest of *data*, as ``sha256:<64 hex digits>``."""
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def is_digest(text: str) -> bool:
    """Whether *text* is a whole, well-formed sha256 digest."""
    return _SHA256.fullmatch(text) is not None


def hex_of(digest: str) -> str:
    """The 64 hex digits of a digest.

    Raises:
        ValueError: *digest* is malformed, or of another algorithm than sha256.
    """
    if not is_digest(digest):
        raise ValueError(f"not a sha256 digest: {digest!r}")
    return digest.removeprefix("sha256:")
