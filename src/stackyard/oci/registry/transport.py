"""One request to a registry: authorization, redirects, refusals sorted.

Credentials go to the registry's own origin only: a redirect to blob storage,
or an upload address elsewhere, is followed without them.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import httpx

from stackyard.oci.registry.address import netloc
from stackyard.oci.registry.auth import Authorizer
from stackyard.oci.registry.credentials import Found, find_credentials
from stackyard.oci.registry.faults import from_response, nonsense
from stackyard.oci.registry.request import Request
from stackyard.oci.registry.wire import Wire, document, explanation

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_HOPS = 5
_TOKEN_LIMIT = 1 << 20


class Transport:
    """Talks to one registry; safe for threads.

    Args:
        registry: host and port, ``docker.io`` for Docker Hub.
        insecure: allow HTTP without TLS; for loopback it is always allowed.
    """

    def __init__(self, registry: str, *, insecure: bool = False) -> None:
        self._registry = registry
        self._wire = Wire(registry, insecure=insecure)
        self._auth = Authorizer(registry, self._find, self._fetch_token)

    @property
    def host(self) -> str:
        """Where the registry's API is, for messages."""
        return self._wire.host

    def close(self) -> None:
        """Close all connections."""
        self._wire.close()

    @contextmanager
    def send(self, request: Request) -> Iterator[httpx.Response]:
        """Ask once; the answer's body is not read yet.

        Raises:
            PassingError: a fault that may be gone at the next try.
            OutsideError: any other fault.
        """
        url = self._wire.join(self._wire.base(request.doing), request.address, request.doing)
        with self._authorized(request, url) as response:
            if response.status_code not in request.hope:
                raise from_response(
                    response,
                    explanation(response, request.doing),
                    doing=request.doing,
                    credentials=self._source(request, response.status_code),
                )
            yield response

    def ask(self, request: Request) -> httpx.Response:
        """Ask once for something whose body says nothing.

        Raises:
            PassingError, OutsideError: as `send`.
        """
        with self.send(request) as response:
            explanation(response, request.doing)
            return response

    def ask_document(self, request: Request, limit: int) -> tuple[httpx.Response, bytes]:
        """Ask once for a body of at most *limit* bytes.

        Raises:
            PassingError, OutsideError: as `send`, or the body is longer.
        """
        with self.send(request) as response:
            return response, document(response, limit, request.doing)

    @contextmanager
    def _authorized(self, request: Request, url: httpx.URL) -> Iterator[httpx.Response]:
        """Ask, and once more with a fresh token when the first answer is 401."""
        header = self._header(request, url)
        with self._followed(request, url, header) as response:
            challenges = response.headers.get_list("www-authenticate")
            refused = response.status_code == 401 and self._wire.is_own(response.url, request.doing)
            if not (refused and self._auth.challenged(challenges, request.access, header)):
                yield response
                return
            explanation(response, request.doing)
        with self._followed(request, url, self._header(request, url)) as response:
            yield response

    def _source(self, request: Request, status: int) -> str:
        """Where the credentials came from, when that matters; looking can run a program."""
        return self._auth.credentials(request.access).source if status in (401, 403) else ""

    def _header(self, request: Request, url: httpx.URL) -> str | None:
        own = self._wire.is_own(url, request.doing)
        return self._auth.header(request.access) if own else None

    @contextmanager
    def _followed(
        self, request: Request, url: httpx.URL, authorization: str | None
    ) -> Iterator[httpx.Response]:
        """Ask; a GET or HEAD goes where it is sent, without the header when that is elsewhere."""
        start = url
        for _ in range(_HOPS):
            own = authorization if self._wire.is_own(url, request.doing) else None
            with self._once(request, url, own) as response:
                location = response.headers.get("location")
                moved = response.status_code in _REDIRECTS and location
                if not moved or request.method not in ("GET", "HEAD"):
                    yield response
                    return
                explanation(response, request.doing)
                url = self._wire.join(url, location, request.doing)
        raise nonsense(request.doing, netloc(start), f"more than {_HOPS} redirects")

    @contextmanager
    def _once(
        self, request: Request, url: httpx.URL, authorization: str | None
    ) -> Iterator[httpx.Response]:
        headers = dict(request.headers)
        if authorization:
            headers["Authorization"] = authorization
        content = None
        if request.body is not None:
            headers["Content-Length"] = str(request.body.size)
            content = request.body.chunks()
        with self._wire.exchange(request.method, url, headers, content, request.doing) as response:
            yield response

    def _find(self, repository: str) -> Found:
        return find_credentials(self._registry, repository)

    def _fetch_token(
        self, url: str, *, headers: dict[str, str], form: bytes | None, credentials: str
    ) -> bytes:
        doing = f"logging in to {self._registry}"
        target = self._wire.join(self._wire.base(doing), url, doing)
        if form is not None:
            headers = headers | {"Content-Type": "application/x-www-form-urlencoded"}
        method = "GET" if form is None else "POST"
        with self._wire.exchange(method, target, headers, form, doing) as response:
            if response.status_code != 200:
                body = explanation(response, doing)
                raise from_response(response, body, doing=doing, credentials=credentials)
            return document(response, _TOKEN_LIMIT, doing)
