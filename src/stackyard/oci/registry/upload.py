"""Sending one blob: in one PUT, or from where an earlier try was cut.

https://github.com/opencontainers/distribution-spec/blob/main/spec.md#pushing-blobs
"""

from __future__ import annotations

import re
import threading
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import httpx

from stackyard.errors import OutsideError
from stackyard.oci.descriptor import Descriptor
from stackyard.oci.digest import is_digest
from stackyard.oci.registry.address import netloc
from stackyard.oci.registry.auth import Access
from stackyard.oci.registry.body import Advance, Bytes, FileBody
from stackyard.oci.registry.client import Registry
from stackyard.oci.registry.faults import PassingError, linked, nonsense
from stackyard.oci.registry.request import Body, Request
from stackyard.oci.verify import hash_file

_CLOSED = frozenset({404, 416})
_RANGE = re.compile(r"(?:bytes=)?0-(\d{1,15})")


def send(
    client: Registry,
    repository: str,
    blob: Descriptor,
    path: Path,
    *,
    advance: Advance,
    stop: threading.Event,
) -> None:
    """Upload a blob.

    One that was cut goes on where the registry says that it was, when the registry
    says so: docker's own refuses, and gets it again from its first byte.

    Raises:
        OutsideError: the registry or the disk failed, or the blob is damaged.
        StoppedError: *stop* was set.
    """
    doing = f"pushing blob {blob.digest} to {client.registry}/{repository}"
    _check_size(path, blob, doing)
    upload = _Upload(client, repository, blob, FileBody(path, blob.size, advance, stop), doing)
    try:
        client.patience.through(upload.attempt, stop, lambda: upload.kept)
    except OutsideError as error:
        upload.body.take_back()
        raise _explained(error, path, blob, doing) from error


def upload_address(opened: httpx.Response, doing: str) -> str:
    """Where the registry wants the bytes of an upload that it opened.

    Raises:
        OutsideError: it names no place.
    """
    location = opened.headers.get("location", "")
    if not location:
        raise nonsense(doing, netloc(opened.url), "no address to upload to")
    return linked(opened, location, doing)


@dataclass
class _Upload:
    """A blob on its way; `attempt` is tried until it passes.

    Attributes:
        address: of the upload that is open; empty when there is none.
        kept: how many bytes the registry had when it was last gone on with.
    """

    client: Registry
    repository: str
    blob: Descriptor
    body: FileBody
    doing: str
    address: str = ""
    kept: int = 0

    def attempt(self) -> None:
        """Send what the registry does not have yet.

        Raises:
            PassingError, OutsideError: the registry failed.
        """
        broken = bool(self.address)
        if broken and self._knows_more():
            self._go_on()
        elif not (broken and self._arrived()):
            self.kept = self.body.start = 0
            opened = self._ask("POST", f"{self.repository}/blobs/uploads/", frozenset({202}))
            self.address = upload_address(opened, self.doing)
            self._close(self.body)

    def _knows_more(self) -> bool:
        """Whether the registry kept more of a broken upload than when it was last asked."""
        address, self.address = self.address, ""
        try:
            state = self._ask("GET", address, frozenset({204}))
            if "location" in state.headers:
                address = upload_address(state, self.doing)
        except (PassingError, OutsideError):
            return False
        match = _RANGE.fullmatch(state.headers.get("range", ""))
        count = int(match[1]) + 1 if match else 0
        if not max(self.kept, 1) < count <= self.blob.size:
            return False
        self.kept, self.address = count, address
        return True

    def _go_on(self) -> None:
        try:
            self.body.start = self.kept
            if self.body.size:
                part = {"Content-Range": f"{self.kept}-{self.blob.size - 1}"}
                taken = self._ask("PATCH", self.address, frozenset({202}), part, self.body)
                self.address = upload_address(taken, self.doing)
            self._close(Bytes(b""))
        except OutsideError as error:
            self.address = ""  # it cannot go on after all, so it starts again
            raise PassingError(error) from error

    def _arrived(self) -> bool:
        """Whether the blob is there, and only the answer was lost."""
        found = self._ask(
            "HEAD", f"{self.repository}/blobs/{self.blob.digest}", frozenset({200, 404})
        )
        length = found.headers.get("content-length", "")
        return found.status_code == 200 and length == str(self.blob.size)

    def _close(self, body: Body) -> None:
        """The PUT that names the digest; an upload's own query is signed, so stays as it is."""
        digest = quote(self.blob.digest, safe="")
        closing = f"{self.address}{'&' if '?' in self.address else '?'}digest={digest}"
        response = self._ask("PUT", closing, frozenset({201, 204}) | _CLOSED, {}, body)
        if response.status_code in _CLOSED:
            error = OutsideError(
                f"{self.doing}: the registry closed the upload before its end, with"
                f" {response.status_code}",
                hint="try again; if it goes on, see the registry's log, and whether several"
                " registries behind one name share their storage and their secret",
            )
            raise PassingError(error, brief=True)
        self.client.check_digest(response, self.blob.digest, self.doing)

    def _ask(
        self,
        method: str,
        address: str,
        hope: frozenset[int],
        headers: dict[str, str] | None = None,
        body: Body | None = None,
    ) -> httpx.Response:
        sent = {"Content-Type": "application/octet-stream"} if body is not None else {}
        return self.client.transport.ask(
            Request(
                self.doing,
                method,
                address,
                Access(self.repository, push=True),
                hope,
                sent | (headers or {}),
                body,
            )
        )


def _check_size(path: Path, blob: Descriptor, doing: str) -> None:
    try:
        size = path.stat().st_size
    except OSError as error:
        raise OutsideError(
            f"{doing}: the store lacks it", hint="build (or fetch) the image again"
        ) from error
    if size != blob.size:
        raise _damaged(doing, path, f"it has {size} bytes in place of {blob.size}")


def _explained(error: OutsideError, path: Path, blob: Descriptor, doing: str) -> OutsideError:
    """When the registry refuses the digest, find out which side is wrong."""
    if "DIGEST_INVALID" not in error.message or not is_digest(blob.digest):
        return error
    with path.open("rb") as file:
        found = hash_file(file)
    return error if found == blob.digest else _damaged(doing, path, f"its content is {found}")


def _damaged(doing: str, path: Path, what: str) -> OutsideError:
    return OutsideError(
        f"{doing}: the store's copy is damaged: {what}",
        hint=f"delete {path} and build (or fetch) the image again",
    )
