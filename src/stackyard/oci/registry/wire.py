"""Plain HTTP below the registry's rules: addresses, one exchange, bounded bodies."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager

import httpx

from stackyard.errors import InputError, OutsideError
from stackyard.oci.registry import connection
from stackyard.oci.registry.address import api_host, bare, is_loopback, netloc, origin
from stackyard.oci.registry.faults import PassingError, from_exception, is_not_tls, nonsense

_ERROR_LIMIT = 64 << 10
_DOCUMENT_SECONDS = 120.0


class Wire:
    """The way to a registry and to the servers that it names; safe for threads.

    Args:
        registry: host and port, ``docker.io`` for Docker Hub.
        insecure: allow HTTP without TLS; for loopback it is always allowed.
    """

    def __init__(self, registry: str, *, insecure: bool) -> None:
        self.host = api_host(registry)
        self._insecure = insecure
        self._plain_allowed = insecure or is_loopback(bare(self.host))
        self._client = connection.connect(bare(self.host))
        self._base: httpx.URL | None = None
        self._base_lock = threading.Lock()

    def close(self) -> None:
        """Close all connections."""
        self._client.close()

    def base(self, doing: str) -> httpx.URL:
        """The registry's root; where HTTP is allowed, a first request finds out.

        Raises:
            PassingError, OutsideError: it cannot be reached.
        """
        with self._base_lock:
            if self._base is None:
                secure = self._root("https")
                tls = not self._plain_allowed or self._speaks_tls(secure, doing)
                self._base = secure if tls else self._root("http")
            return self._base

    def is_own(self, url: httpx.URL, doing: str) -> bool:
        """Whether an address is the registry's own, so may see its credentials."""
        return origin(url) == origin(self.base(doing))

    def join(self, base: httpx.URL, address: str, doing: str) -> httpx.URL:
        """The address that a Location header means, if it may be used.

        Raises:
            OutsideError: it cannot be read, or would leave TLS.
        """
        try:
            url = base.join(address)
        except (httpx.InvalidURL, ValueError, TypeError) as error:
            raise nonsense(doing, self.host, "an address that cannot be read") from error
        if url.scheme not in ("http", "https") or not url.host or url.userinfo:
            raise nonsense(doing, self.host, "an address that cannot be used")
        if url.scheme == "http" and not self._insecure and not is_loopback(url.host):
            raise OutsideError(
                f"{doing}: {self.host} sends us to {url.host} without TLS",
                hint="if a proxy before the registry ends TLS, have it set X-Forwarded-Proto",
            )
        return url

    @contextmanager
    def exchange(
        self,
        method: str,
        url: httpx.URL,
        headers: Mapping[str, str],
        content: Iterable[bytes] | bytes | None,
        doing: str,
    ) -> Iterator[httpx.Response]:
        """Send one request; the answer's body is not read yet.

        Raises:
            PassingError, OutsideError: no answer came.
        """
        try:
            asked = self._client.build_request(
                method,
                url,
                headers=dict(headers),
                content=content,
                timeout=connection.ASKING if content is None else connection.SENDING,
            )
            response = self._client.send(asked, stream=True)
        except (httpx.HTTPError, httpx.InvalidURL, UnicodeError) as error:
            raise from_exception(error, doing, netloc(url)) from error
        try:
            yield response
        finally:
            response.close()

    def _root(self, scheme: str) -> httpx.URL:
        try:
            return httpx.URL(f"{scheme}://{self.host}/v2/")
        except httpx.InvalidURL as error:
            raise InputError(
                f"{self.host!r} is not a registry", hint="write such as ghcr.io"
            ) from error

    def _speaks_tls(self, url: httpx.URL, doing: str) -> bool:
        try:
            with self._client.stream("GET", url):
                return True
        except httpx.HTTPError as error:
            if is_not_tls(error):
                return False
            raise from_exception(error, doing, self.host) from error


def chunks(response: httpx.Response, doing: str) -> Iterator[bytes]:
    """The body as it was sent, piece by piece.

    Raises:
        PassingError: the connection was cut or is silent.
    """
    try:
        yield from response.iter_raw()
    except httpx.HTTPError as error:
        raise from_exception(error, doing, netloc(response.url)) from error


def document(response: httpx.Response, limit: int, doing: str) -> bytes:
    """The body of an answer that must be small.

    Raises:
        PassingError: the connection was cut, or the answer takes too long.
        OutsideError: it is longer than *limit* bytes.
    """
    deadline = time.monotonic() + _DOCUMENT_SECONDS
    data = bytearray()
    for chunk in chunks(response, doing):
        data += chunk
        if len(data) > limit:
            raise nonsense(doing, netloc(response.url), f"more than {limit} bytes")
        if time.monotonic() > deadline:
            slow = OutsideError(
                f"{doing}: {netloc(response.url)} answers too slowly", hint="try again later"
            )
            raise PassingError(slow)
    return bytes(data)


def explanation(response: httpx.Response, doing: str) -> bytes:
    """The start of a body that only explains; reading it frees the connection."""
    data = bytearray()
    with contextlib.suppress(PassingError, OutsideError):
        for chunk in chunks(response, doing):
            data += chunk
            if len(data) > _ERROR_LIMIT:
                break
    return bytes(data)
