"""What an installed wheel consists of, before it becomes a tar run."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass

from stackyard.pack.wheelentry import Buffer, WheelEntry


@dataclass(frozen=True, slots=True)
class Item:
    """A file of an installed package.

    Attributes:
        content: its bytes, or the wheel's entry that has them.
        executable: whether it may be run.
        digest: for RECORD (``sha256=...``), or None for what RECORD does not vouch for.
    """

    content: bytes | WheelEntry
    executable: bool
    digest: str | None

    @property
    def size(self) -> int:
        """Length of the content in bytes."""
        content = self.content
        return content.length if isinstance(content, WheelEntry) else len(content)

    def read(self) -> Buffer:
        """The content.

        Raises:
            BrokenEntryError: the wheel's entry is damaged.
        """
        return self.content.content() if isinstance(self.content, WheelEntry) else self.content


def record_digest(data: Buffer) -> str:
    """A content's hash as RECORD has it."""
    value = base64.urlsafe_b64encode(hashlib.sha256(data).digest())
    return f"sha256={value.decode().rstrip('=')}"
