"""Faults of the network and of registries, told as cause and remedy.

Messages hold the host, the registry's own error code and the file that the
credentials came from; never a header, a query string or a secret.
"""

from __future__ import annotations

import json
import socket
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import httpx

from stackyard.errors import OutsideError
from stackyard.oci.registry.address import netloc

PASSING_STATUS = frozenset({408, 425, 429, 500, 502, 503, 504})


class PassingError(Exception):
    """A fault that may be gone at the next try.

    Attributes:
        error: what to raise when the tries are used up.
        after: seconds that the server asked to wait, or None.
        brief: few tries are enough, since a user most likely has to mend it.
    """

    def __init__(self, error: OutsideError, *, after: float | None = None, brief: bool = False):
        super().__init__(error.message)
        self.error = error
        self.after = after
        self.brief = brief


def from_exception(error: Exception, doing: str, host: str) -> OutsideError | PassingError:
    """Sort what httpx raised while *doing* something with *host*."""
    causes = list(_causes(error))
    if tls := next((c for c in causes if isinstance(c, ssl.SSLError)), None):
        return _tls(tls, doing, host)
    unusable = any(isinstance(c, (httpx.InvalidURL, httpx.UnsupportedProtocol)) for c in causes)
    if unusable or not isinstance(error, httpx.TransportError):
        return nonsense(doing, host, "an address that cannot be used")
    what, hint, brief = _transport(error, causes, host)
    return PassingError(OutsideError(f"{doing}: {what}", hint=hint), brief=brief)


def _transport(
    error: httpx.TransportError, causes: list[BaseException], host: str
) -> tuple[str, str, bool]:
    """What happened, what to do about it, and whether it seldom goes away by itself."""
    kept = "try again; what has arrived so far is kept"
    if any(isinstance(c, socket.gaierror) for c in causes):
        hint = "check the registry's name, and this machine's DNS and network"
        return f"the host {host} is unknown", hint, True
    if any(isinstance(c, ConnectionRefusedError) for c in causes):
        return f"{host} refuses connections", "check that the registry runs, and its port", True
    if isinstance(error, httpx.ProxyError):
        return f"the proxy gives no connection to {host}", "check HTTPS_PROXY and NO_PROXY", True
    if isinstance(error, httpx.TimeoutException):
        return f"{host} did not answer in time", kept, True
    return f"the connection to {host} was cut", kept, False


def is_not_tls(error: Exception) -> bool:
    """Whether a handshake failed as it does when the other side speaks plain HTTP."""
    causes = list(_causes(error))
    if any(isinstance(c, ssl.SSLCertVerificationError) for c in causes):
        return False
    return any(isinstance(c, (ssl.SSLError, ConnectionResetError)) for c in causes)


def nonsense(doing: str, host: str, what: str) -> OutsideError:
    """The other side speaks HTTP, but not as a registry."""
    return OutsideError(
        f"{doing}: {host} answered with {what}",
        hint="check that this host is an OCI registry and not a web page, a login page or a proxy",
    )


def linked(response: httpx.Response, address: str, doing: str) -> str:
    """The whole address of one that an answer's header names.

    Raises:
        OutsideError: it cannot be read.
    """
    try:
        return str(response.url.join(address))
    except (httpx.InvalidURL, ValueError, TypeError) as error:
        raise nonsense(doing, netloc(response.url), "an address that cannot be read") from error


def from_response(
    response: httpx.Response, body: bytes, *, doing: str, credentials: str
) -> OutsideError | PassingError:
    """Sort an answer that is not what was hoped for.

    Args:
        response: the answer.
        body: the start of its body.
        doing: the sentence's start, such as ``pushing ghcr.io/acme/hub:1``.
        credentials: where the credentials came from, or where none were found.
    """
    codes = _registry_errors(body)
    status = response.status_code
    message = f"{doing}: {netloc(response.url)} answered {status}" + (
        f" ({codes})" if codes else ""
    )
    error = OutsideError(message, hint=_remedy(status, credentials))
    if status in PASSING_STATUS:
        return PassingError(error, after=_retry_after(response.headers))
    return error


def _remedy(status: int, credentials: str) -> str:
    if status == 401:
        return (
            "log in with docker login or podman login, as one who may do this"
            f" (credentials: {credentials})"
        )
    if status == 403:
        return f"ask for access to this repository (credentials: {credentials})"
    fixed = {
        404: "check the repository's name and the tag; some registries say this for no access",
        405: "this registry does not allow it; it may be read-only or a mirror",
        413: "the registry or a proxy before it limits sizes; raise that limit",
        429: "the registry limits requests; wait, or log in for a higher limit",
    }
    if status >= 500:
        return "the registry is in trouble; try again later, finished blobs are not sent again"
    return fixed.get(status, "see the registry's log for why")


def _registry_errors(body: bytes) -> str:
    """The codes and messages of the specification's error document, shortened."""
    try:
        errors = json.loads(body)["errors"]
        texts = [f"{e.get('code', '')}: {e.get('message', '')}".strip(": ") for e in errors[:3]]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return ""
    joined = "; ".join(t for t in texts if t)
    return "".join(c if c.isprintable() else " " for c in joined)[:300]


def _retry_after(headers: httpx.Headers) -> float | None:
    """Seconds, from either form of the header (RFC 9110, 10.2.3)."""
    value = headers.get("retry-after", "").strip()
    if value.isascii() and value.isdigit() and len(value) < 10:
        return float(value)
    try:
        when = parsedate_to_datetime(value)
    except (ValueError, TypeError, OverflowError):
        return None
    aware = when if when.tzinfo else when.replace(tzinfo=UTC)
    return max(0.0, (aware - datetime.now(UTC)).total_seconds())


def _tls(error: ssl.SSLError, doing: str, host: str) -> OutsideError:
    if isinstance(error, ssl.SSLCertVerificationError):
        return OutsideError(
            f"{doing}: the certificate of {host} is not trusted: {error.verify_message}",
            hint="point SSL_CERT_FILE at the certificate authority that signed it",
        )
    return OutsideError(
        f"{doing}: {host} does not speak TLS: {error.reason or 'handshake failed'}",
        hint="for a registry without TLS, say that it is insecure",
    )


def _causes(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    current: BaseException | None = error
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        yield current
        current = current.__cause__ or current.__context__
