"""Authorization for one registry: Basic, and the token scheme.

https://distribution.github.io/distribution/spec/auth/token/ and, for identity
tokens, https://distribution.github.io/distribution/spec/auth/oauth/
"""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Protocol
from urllib.parse import urlencode

from stackyard.oci.registry.credentials import Found
from stackyard.oci.registry.faults import nonsense

_CHALLENGE = re.compile(r"(?:^|,)\s*(bearer|basic)(?=[\s,]|$)", re.IGNORECASE)
_PARAMETER = re.compile(r'([A-Za-z_]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s",]+))')
_DEFAULT_LIFE = 60.0
_MARGIN = 10.0


@dataclass(frozen=True, slots=True)
class Access:
    """What a request wants to do, for the token's scope.

    Attributes:
        repository: the repository that is read or written.
        push: whether it is written.
        source: another repository that is read (a mount).
        delete: whether something is deleted from it.
    """

    repository: str
    push: bool = False
    source: str | None = None
    delete: bool = False

    def scopes(self) -> list[str]:
        """The scopes of a token request."""
        actions = "pull,push" if self.push else "pull,delete" if self.delete else "pull"
        own = f"repository:{self.repository}:{actions}"
        return [own, f"repository:{self.source}:pull"] if self.source else [own]


@dataclass(frozen=True, slots=True)
class _Challenge:
    scheme: str
    realm: str = ""
    service: str = ""
    scope: str = ""


@dataclass(frozen=True, slots=True)
class _Token:
    header: str
    until: float


class Fetch(Protocol):
    """Ask a token server; gives its answer's body, or raises as the transport does."""

    def __call__(
        self, url: str, *, headers: dict[str, str], form: bytes | None, credentials: str
    ) -> bytes:
        """Ask *url*, with *form* as the body of a POST; *credentials* is their source."""


class Authorizer:
    """Knows how the registry wants to be asked; safe for threads.

    Args:
        host: the registry, for messages.
        find: looks up the credentials for a repository.
        fetch: asks the token server.
    """

    def __init__(self, host: str, find: Callable[[str], Found], fetch: Fetch) -> None:
        self._host = host
        self._find = find
        self._fetch = fetch
        self._lock = threading.RLock()
        self._challenge: _Challenge | None = None
        self._tokens: dict[Access, _Token] = {}
        self._found: dict[str, Found] = {}

    def header(self, access: Access) -> str | None:
        """The Authorization header for a request, or None for none.

        Raises:
            OutsideError, PassingError: the token server refused or failed.
        """
        with self._lock:
            if self._challenge is None:
                return None
            if self._challenge.scheme == "basic":
                credentials = self.credentials(access).credentials
                return credentials.basic() if credentials else None
            token = self._tokens.get(access)
            if token is None or token.until <= time.monotonic():
                token = self._tokens[access] = self._token(self._challenge, access)
            return token.header

    def challenged(self, challenges: list[str], access: Access, used: str | None) -> bool:
        """Take note of a 401's WWW-Authenticate headers.

        Args:
            challenges: the headers' values.
            access: what the refused request wanted.
            used: the Authorization header that was refused.

        Returns:
            Whether asking again can help.
        """
        challenge = _choose(challenges)
        with self._lock:
            if challenge is None:
                return False
            self._challenge = challenge
            if challenge.scheme == "basic":
                return used is None and self.credentials(access).credentials is not None
            token = self._tokens.get(access)
            if token and token.header == used:
                del self._tokens[access]
            return True

    def credentials(self, access: Access) -> Found:
        """What was found for this repository."""
        with self._lock:
            if access.repository not in self._found:
                self._found[access.repository] = self._find(access.repository)
            return self._found[access.repository]

    def _token(self, challenge: _Challenge, access: Access) -> _Token:
        found = self.credentials(access)
        scopes = access.scopes()
        scopes += [s for s in challenge.scope.split(" ") if s and not s.startswith("repository:")]
        credentials, headers = found.credentials, dict[str, str]()
        form: dict[str, str] | None = None
        url = challenge.realm
        if credentials and credentials.identity_token:
            form = {
                "grant_type": "refresh_token",
                "service": challenge.service,
                "client_id": "stackyard",
                "scope": " ".join(scopes),
                "refresh_token": credentials.identity_token,
            }
        else:
            query = [("service", challenge.service)] if challenge.service else []
            query += [("scope", scope) for scope in scopes]
            url += ("&" if "?" in url else "?") + urlencode(query)
            if credentials:
                headers["Authorization"] = credentials.basic()
        body = self._fetch(
            url,
            headers=headers,
            form=urlencode(form).encode() if form else None,
            credentials=found.source,
        )
        return _read_token(body, self._host)


def _choose(challenges: list[str]) -> _Challenge | None:
    """Bearer where it is offered, since it says what it grants; else Basic."""
    offers: dict[str, _Challenge] = {}
    for text in challenges:
        matches = [m for m in _CHALLENGE.finditer(text) if _outside_quotes(text, m.start())]
        for start, end in pairwise([*(m.start(1) for m in matches), len(text)]):
            scheme, _, rest = text[start:end].partition(" ")
            values = {m[1].lower(): m[2] or m[3] or "" for m in _PARAMETER.finditer(rest)}
            offers[scheme.lower()] = _Challenge(
                scheme.lower(),
                values.get("realm", ""),
                values.get("service", ""),
                values.get("scope", ""),
            )
    bearer = offers.get("bearer")
    return bearer if bearer and bearer.realm else offers.get("basic")


def _outside_quotes(text: str, position: int) -> bool:
    return text.count('"', 0, position) % 2 == 0


def _read_token(body: bytes, host: str) -> _Token:
    doing = f"logging in to {host}"
    try:
        answer = json.loads(body)
        token = answer.get("token") or answer.get("access_token")
        life = float(answer.get("expires_in") or _DEFAULT_LIFE)
    except (ValueError, TypeError, AttributeError, RecursionError):
        raise nonsense(doing, "its token server", "something that is not JSON") from None
    if not isinstance(token, str) or not token or not token.isascii() or not token.isprintable():
        raise nonsense(doing, "its token server", "no token")
    until = time.monotonic() + max(life - _MARGIN, life / 2)
    return _Token(f"Bearer {token}", until)
