"""The machine's package index, in words that both sides understand."""

from __future__ import annotations

from pathlib import Path

from engines.programs import ProgramError
from stackyard.lock.settings import read_settings

_BUNDLE = Path("/etc/ssl/certs/ca-certificates.crt")


def index_settings() -> tuple[dict[str, str], Path | None]:
    """The variables of uv for the indexes on the web, and the certificates to trust.

    Indexes and links that are files of this machine are left out: what runs in a
    container has no such files.

    Raises:
        ProgramError: this machine has no index on the web.
    """
    found = read_settings()
    if not (found.default and _on_the_web(found.default)):
        raise ProgramError("the package index must have an http(s) address")
    extra = [url for url in found.extra if _on_the_web(url)]
    settings = {
        "UV_DEFAULT_INDEX": found.default,
        "UV_INDEX": " ".join(extra),
        "UV_INDEX_STRATEGY": found.strategy,
        "UV_INSECURE_HOST": " ".join(found.insecure),
    }
    certificates = Path(found.certificates) if found.certificates else _BUNDLE
    return (
        {name: value for name, value in settings.items() if value},
        certificates if certificates.is_file() else None,
    )


def _on_the_web(url: str) -> bool:
    return url.startswith(("http://", "https://"))
