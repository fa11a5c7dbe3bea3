"""A registry: manifests, tags and blobs, one call for each.

https://github.com/opencontainers/distribution-spec/blob/main/spec.md#endpoints
"""

from __future__ import annotations

import re
import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any

import httpx

from stackyard.errors import OutsideError
from stackyard.oci.descriptor import Descriptor
from stackyard.oci.digest import is_digest, sha256
from stackyard.oci.documents import parse
from stackyard.oci.registry.auth import Access
from stackyard.oci.registry.body import Bytes
from stackyard.oci.registry.document import ACCEPT, MANIFEST_LIMIT, media_type_of
from stackyard.oci.registry.faults import linked, nonsense
from stackyard.oci.registry.patience import Patience
from stackyard.oci.registry.request import Request
from stackyard.oci.registry.transport import Transport

_PAGES = 1000
_NEXT = re.compile(r'<([^<>]+)>\s*;\s*rel="?next"?')


class Registry:
    """One registry; a context manager, safe for threads.

    Args:
        registry: host and port, as `Reference.registry`.
        insecure: allow HTTP without TLS; for loopback it is always allowed.
        patience: how passing faults are borne.
        parallel: how many blobs move at once.
    """

    def __init__(
        self,
        registry: str,
        *,
        insecure: bool = False,
        patience: Patience | None = None,
        parallel: int = 5,
    ) -> None:
        self.registry = registry
        self.patience = patience or Patience()
        self.parallel = parallel
        self.transport = Transport(registry, insecure=insecure)
        self._holders: dict[str, list[str]] = defaultdict(list)
        self._turns: dict[str, threading.Lock] = defaultdict(threading.Lock)
        self._lock = threading.Lock()

    def __enter__(self) -> Registry:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close all connections."""
        self.transport.close()

    def ask(self, request: Request) -> httpx.Response:
        """Ask, patiently, for something whose body says nothing.

        Raises:
            OutsideError: the registry failed or refused.
        """
        return self.patience.through(lambda: self.transport.ask(request))

    def document(self, request: Request, limit: int) -> tuple[httpx.Response, bytes]:
        """Ask, patiently, for a body of at most *limit* bytes.

        Raises:
            OutsideError: the registry failed or refused, or the body is longer.
        """
        return self.patience.through(lambda: self.transport.ask_document(request, limit))

    def exists(self, repository: str, reference: str, *, push: bool = False) -> Descriptor | None:
        """What a tag or a digest stands for, or None when the registry lacks it.

        Args:
            repository: where to look.
            reference: a tag or a digest.
            push: ask as one who will push; some registries refuse anything less
                for a repository that is not there yet.

        Raises:
            OutsideError: the registry cannot be asked.
        """
        doing = f"looking for {self._name(repository, reference)}"
        request = Request(
            doing,
            "HEAD",
            f"{repository}/manifests/{reference}",
            Access(repository, push),
            frozenset({200, 404}),
            {"Accept": ACCEPT},
        )
        response = self.ask(request)
        if response.status_code == 404:
            return None
        return _announced(response, reference) or self.manifest(repository, reference)[0]

    def manifest(self, repository: str, reference: str) -> tuple[Descriptor, bytes]:
        """A manifest or an index, checked against the digest that it must have.

        Args:
            repository: where it is.
            reference: a tag or a digest.

        Raises:
            OutsideError: it is not there, too long, or not what was asked for.
        """
        doing = f"reading {self._name(repository, reference)}"
        request = Request(
            doing,
            "GET",
            f"{repository}/manifests/{reference}",
            Access(repository),
            frozenset({200}),
            {"Accept": ACCEPT},
        )

        response, data = self.document(request, MANIFEST_LIMIT)
        headers = response.headers
        announced = headers.get("docker-content-digest", "")
        digest = sha256(data)
        expected = reference if is_digest(reference) else announced
        if expected and is_digest(expected) and digest != expected:
            raise lying(doing, self.transport.host, expected, digest)
        try:
            media_type = media_type_of(data, _media_type(headers))
        except ValueError as error:
            raise nonsense(
                doing, self.transport.host, _media_type(headers) or "no manifest"
            ) from error
        return Descriptor(media_type, digest, len(data)), data

    def tags(self, repository: str) -> list[str]:
        """All tags of a repository, sorted; none when there is no such repository.

        Raises:
            OutsideError: the registry cannot be asked.
        """
        doing = f"listing the tags of {self.registry}/{repository}"
        found: set[str] = set()
        address: str | None = f"{repository}/tags/list?n=1000"
        for _ in range(_PAGES):
            if address is None:
                break
            page, address = self._tags_page(repository, address, doing)
            found.update(page)
        return sorted(found)

    def has_blob(self, repository: str, blob: Descriptor, *, push: bool = False) -> bool:
        """Whether a repository has a blob; *push* as for `exists`.

        Raises:
            OutsideError: the registry cannot be asked.
        """
        doing = f"looking for blob {blob.digest} in {self.registry}/{repository}"
        request = Request(
            doing,
            "HEAD",
            f"{repository}/blobs/{blob.digest}",
            Access(repository, push),
            frozenset({200, 404}),
        )
        response = self.ask(request)
        if response.status_code == 404:
            return False
        length = response.headers.get("content-length", "")
        if length != str(blob.size) and _media_type(response.headers) == "text/html":
            raise nonsense(doing, self.transport.host, "a web page")
        # A size that differs is a blob that was cut short: it is sent again.
        return not length or length == str(blob.size)

    def put_manifest(self, repository: str, reference: str, data: bytes, media_type: str) -> None:
        """Publish a manifest under its digest or a tag.

        Raises:
            OutsideError: the registry refuses it, or took it for something else.
        """
        doing = f"pushing {self._name(repository, reference)}"
        request = Request(
            doing,
            "PUT",
            f"{repository}/manifests/{reference}",
            Access(repository, push=True),
            frozenset({200, 201, 202, 204}),
            {"Content-Type": media_type},
            Bytes(data),
        )
        response = self.ask(request)
        if _media_type(response.headers) == "text/html":
            raise nonsense(doing, self.transport.host, "a web page")
        self.check_digest(response, sha256(data), doing)

    def check_digest(self, response: httpx.Response, digest: str, doing: str) -> None:
        """Compare the digest that the registry announces with what was sent.

        Raises:
            OutsideError: they differ.
        """
        announced = response.headers.get("docker-content-digest", "")
        if is_digest(announced) and announced != digest:
            raise lying(doing, self.transport.host, digest, announced)

    @contextmanager
    def turn(self, digest: str) -> Iterator[None]:
        """Wait until no other thread moves this blob, so that no bytes are sent twice."""
        with self._lock:
            turn = self._turns[digest]
        with turn:
            yield

    def holders(self, digest: str) -> list[str]:
        """The repositories that are known to have a blob, in the order found out."""
        with self._lock:
            return list(self._holders.get(digest, ()))

    def note_holder(self, digest: str, repository: str) -> None:
        """Remember that *repository* has a blob."""
        with self._lock:
            if repository not in self._holders[digest]:
                self._holders[digest].append(repository)

    def _tags_page(self, repository: str, address: str, doing: str) -> tuple[list[str], str | None]:
        request = Request(doing, "GET", address, Access(repository), frozenset({200, 404}))
        response, data = self.document(request, MANIFEST_LIMIT)
        if response.status_code == 404:
            return [], None
        try:
            page: Any = parse(data).get("tags") or []
            tags = [str(tag) for tag in page]
        except (ValueError, TypeError) as error:
            raise nonsense(doing, self.transport.host, "no list of tags") from error
        following = _NEXT.search(response.headers.get("link", ""))
        return tags, linked(response, following[1], doing) if following else None

    def _name(self, repository: str, reference: str) -> str:
        return f"{self.registry}/{repository}{'@' if is_digest(reference) else ':'}{reference}"


def lying(doing: str, host: str, expected: str, found: str) -> OutsideError:
    """The registry's content and its digest do not belong together."""
    return OutsideError(
        f"{doing}: expected {expected}, but {host} has {found}",
        hint="the registry or a proxy before it is broken, or tampers; nothing of it was kept",
    )


def _announced(response: httpx.Response, reference: str) -> Descriptor | None:
    """The descriptor in a HEAD's headers, when they are all there."""
    headers = response.headers
    digest = reference if is_digest(reference) else headers.get("docker-content-digest", "")
    length, media_type = headers.get("content-length", ""), _media_type(headers)
    if not is_digest(digest) or not length.isdigit() or not media_type.startswith("application/"):
        return None
    return Descriptor(media_type, digest, int(length))


def _media_type(headers: httpx.Headers) -> str:
    return str(headers.get("content-type", "")).partition(";")[0].strip().lower()
