"""One thing to ask of a registry."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from stackyard.oci.registry.auth import Access


class Body(Protocol):
    """What is sent: made anew for every try."""

    @property
    def size(self) -> int:
        """How many bytes it has."""

    def chunks(self) -> Iterable[bytes]:
        """Its bytes, from the start."""


@dataclass(frozen=True)
class Request:
    """One thing to ask of the registry.

    Attributes:
        doing: the start of an error's sentence.
        method: HTTP's.
        address: a path below the registry's ``/v2/``, or a whole address that it gave.
        access: what the token must allow.
        hope: the statuses that are no error.
        headers, body: sent as they are.
    """

    doing: str
    method: str
    address: str
    access: Access
    hope: frozenset[int]
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Body | None = None
