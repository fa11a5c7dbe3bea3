"""Where files were seen, remembered on this machine only: never in the lock."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from stackyard.lock.settings import IndexSettings, without_credentials


@dataclass
class Addresses:
    """sha256 to address, for one set of index settings.

    Another set has another file, so that a lock behind a mirror is fetched from
    the mirror. It is a cache: what cannot be read or written is not there.
    """

    settings: IndexSettings
    directory: Path | None
    _known: Mapping[str, str] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        if self.directory is not None:
            try:
                known = json.loads(self._file(self.directory).read_text())
            except (OSError, ValueError):
                return
            if isinstance(known, dict):
                self._known = {k: v for k, v in known.items() if isinstance(v, str)}

    def _file(self, directory: Path) -> Path:
        addresses = (*self.settings.indexes, "", *self.settings.find_links)
        sources = json.dumps([without_credentials(a) for a in addresses])
        return directory / f"urls-{hashlib.sha256(sources.encode()).hexdigest()[:16]}.json"

    def get(self, sha256: str) -> str | None:
        """Where the file with this hash was seen."""
        return self._known.get(sha256)

    def add(self, found: Mapping[str, str]) -> None:
        """Remember more; addresses with credentials or a signature are not kept."""
        if self.directory is None:
            return
        plain = {k: v for k, v in found.items() if _plain(v)}
        self._known = {**self._known, **plain}
        try:
            self.directory.mkdir(parents=True, exist_ok=True)
            with tempfile.NamedTemporaryFile(
                "w", dir=self.directory, prefix=".urls", delete=False
            ) as file:
                json.dump(self._known, file, sort_keys=True)
            os.replace(file.name, self._file(self.directory))  # noqa: PTH105 - it is a name
        except OSError:
            return


def _plain(address: str) -> bool:
    parts = urlsplit(address)
    return parts.scheme in ("http", "https") and "@" not in parts.netloc and not parts.query
