"""HTTP for package indexes: credentials, certificates, and patience with limits."""

from __future__ import annotations

import netrc
import os
import ssl
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar
from urllib.parse import unquote, urlsplit, urlunsplit

import httpx

from stackyard.errors import OutsideError
from stackyard.lock.settings import IndexSettings, without_credentials

TRIES = 4
_FIRST_PAUSE = 0.25
_LONGEST_PAUSE = 30.0
_SLOWEST_START = 120.0
_SLOWEST_RATE = (1 << 20) / 20
_TIMEOUT = httpx.Timeout(30.0, connect=10.0)
_PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})
_T = TypeVar("_T")


class Missing(Exception):  # noqa: N818 - a plain answer, not a failure
    """The server says that there is no such thing (404 or 410)."""


class _Again(Exception):  # noqa: N818 - never leaves this module
    def __init__(self, what: str, pause: float | None = None) -> None:
        super().__init__(what)
        self.pause = pause


@dataclass
class Web:
    """A client for all indexes of one set of settings. Safe for several threads."""

    settings: IndexSettings
    _client: httpx.Client = field(init=False)
    _logins: dict[tuple[str, str], tuple[str, str]] = field(init=False)

    def __post_init__(self) -> None:
        context = _certificates(self.settings.certificates)
        limits = httpx.Limits(max_connections=16, max_keepalive_connections=16)
        lenient = {
            f"all://{host.partition(':')[0]}": httpx.HTTPTransport(verify=False)
            for host in self.settings.insecure
        }
        self._client = httpx.Client(
            verify=context,
            limits=limits,
            timeout=_TIMEOUT,
            follow_redirects=True,
            mounts=lenient or None,
            headers={"User-Agent": "stackyard"},
        )
        self._logins = _logins(self.settings)

    def __enter__(self) -> Web:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def read(
        self,
        url: str,
        take: Callable[[httpx.Response], _T],
        *,
        headers: Mapping[str, str] | None = None,
        method: str = "GET",
    ) -> _T:
        """Request *url* and give the open response to *take*, several times if need be.

        What passes (429, 5xx, a cut connection, a timeout) is tried again, at most
        `TRIES` times in all, with growing pauses; Retry-After counts up to 30 s.

        Raises:
            Missing: there is no such thing.
            OutsideError: it did not answer, or refused.
        """
        pause = _FIRST_PAUSE
        for attempt in range(1, TRIES + 1):
            try:
                return self._once(method, url, take, headers or {})
            except _Again as again:
                if attempt == TRIES:
                    raise OutsideError(
                        f"{_shown(url)}: {again}, {TRIES} times in a row",
                        hint="wait a little and run it again; what was fetched is kept",
                    ) from again
                time.sleep(min(pause if again.pause is None else again.pause, _LONGEST_PAUSE))
                pause *= 2
        raise AssertionError("unreachable")

    def _once(
        self,
        method: str,
        url: str,
        take: Callable[[httpx.Response], _T],
        headers: Mapping[str, str],
    ) -> _T:
        parts = urlsplit(url)
        bare = urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
        try:
            with self._client.stream(
                method, bare, headers=dict(headers), auth=self._login(url)
            ) as response:
                _judge(response, url)
                return take(response)
        except httpx.InvalidURL as error:
            raise OutsideError(f"{_shown(url)} is no address: {error}") from error
        except (httpx.TransportError, httpx.StreamError, httpx.DecodingError) as error:
            raise _Again(self.settings.scrub(str(error)) or type(error).__name__) from error
        except httpx.HTTPError as error:
            raise OutsideError(f"{_shown(url)}: {self.settings.scrub(str(error))}") from error

    def _login(self, url: str) -> tuple[str, str] | None:
        parts = urlsplit(url)
        if parts.username is not None:
            return unquote(parts.username), unquote(parts.password or "")
        return self._logins.get(_origin(url)) or _netrc(parts.hostname or "")


def pieces(response: httpx.Response, size: int | None = None) -> Iterator[bytes]:
    """The body as it comes, given up when it comes far too slowly.

    A server that sends a byte now and then never runs into a read timeout.

    Args:
        response: open.
        size: of the body in bytes, when known.

    Raises:
        OutsideError: it took more than two minutes and 20 s for each MiB.
    """
    most = _SLOWEST_START + (size or 0) / _SLOWEST_RATE
    began = time.monotonic()
    got = 0
    for piece in response.iter_bytes():
        got += len(piece)
        yield piece
        if time.monotonic() - began > most:
            raise OutsideError(
                f"{_shown(str(response.url))} is too slow: {got} bytes in {most:.0f} s",
                hint="run it again later, or use another index",
            )


def _judge(response: httpx.Response, url: str) -> None:
    status = response.status_code
    if status in (404, 410):
        raise Missing(_shown(url))
    if status in _PASSING:
        text = response.headers.get("Retry-After", "")
        raise _Again(f"it answered {status}", float(text) if text.isdecimal() else None)
    if status in (401, 403, 407):
        raise OutsideError(
            f"{_shown(url)}: it answered {status}, access is refused",
            hint="give credentials in the index's address (UV_INDEX, PIP_INDEX_URL), "
            "UV_INDEX_<NAME>_USERNAME and _PASSWORD, or ~/.netrc; a keyring is read by uv only",
        )
    if not response.is_success:
        raise OutsideError(f"{_shown(url)}: it answered {status}")


def _shown(url: str) -> str:
    return without_credentials(url)


def _origin(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    return parts.scheme, parts.netloc.rpartition("@")[2].lower()


def _logins(settings: IndexSettings) -> dict[tuple[str, str], tuple[str, str]]:
    """Files on an index's own host take the index's credentials."""
    out = {}
    for url in (*settings.indexes, *settings.find_links):
        parts = urlsplit(url)
        if parts.username is not None:
            out[_origin(url)] = unquote(parts.username), unquote(parts.password or "")
    return out


def _netrc(host: str) -> tuple[str, str] | None:
    try:
        path = Path(os.environ.get("NETRC") or Path.home() / ".netrc")
        found = netrc.netrc(path).authenticators(host)
    except (OSError, RuntimeError, UnicodeDecodeError, netrc.NetrcParseError):
        return None
    return (found[0], found[2] or "") if found else None


def _certificates(path: str | None) -> ssl.SSLContext | bool:
    if path is None:
        return True
    try:
        return ssl.create_default_context(cafile=path)
    except OSError as error:
        raise OutsideError(f"reading the certificates in {path}: {error}") from error
