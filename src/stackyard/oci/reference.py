"""Image references, with docker's normalisation.

https://github.com/distribution/reference/blob/main/reference.go
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from stackyard.errors import InputError
from stackyard.oci.digest import is_digest

DOCKER_HUB = "docker.io"
_NAME_LIMIT = 255

_COMPONENT = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_REPOSITORY = re.compile(rf"{_COMPONENT}(?:/{_COMPONENT})*")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?"
_HOST = re.compile(rf"(?:{_LABEL}(?:\.{_LABEL})*|\[[0-9A-Fa-f:]+\])(?::(?P<port>[0-9]{{1,5}}))?")


@dataclass(frozen=True, slots=True, order=True)
class Reference:
    """One image, or a version of it, in a registry.

    Attributes:
        registry: host and port as people write it; ``docker.io`` for Docker Hub.
        repository: the path in the registry, such as ``library/debian``.
        tag: None only when there is a digest instead.
        digest: ``sha256:...``; it decides when both are given.
    """

    registry: str
    repository: str
    tag: str | None = None
    digest: str | None = None

    @classmethod
    def parse(cls, text: str) -> Reference:
        """Read ``[registry/]repository[:tag][@digest]``.

        Without a registry it is Docker Hub's, there without a namespace
        ``library/``; without tag and digest the tag is ``latest``.

        Raises:
            InputError: *text* is no reference; the hint says what would be one.
        """
        _check_shape(text)
        rest, at, digest = text.partition("@")
        if at and not is_digest(digest):
            raise _wrong(text, f"the digest {digest!r} is not sha256: and 64 hex digits")
        name, tag = _split_tag(rest)
        registry, repository = _split_registry(name)
        _check_host(text, registry)
        check_repository(repository, of=text, registry=registry)
        if tag is not None:
            check_tag(tag, of=text)
        return cls(
            registry=registry,
            repository=repository,
            tag=tag if tag is not None or at else "latest",
            digest=digest or None,
        )

    def __str__(self) -> str:
        tag = f":{self.tag}" if self.tag else ""
        return f"{self.name}{tag}" + (f"@{self.digest}" if self.digest else "")

    @property
    def name(self) -> str:
        """Registry and repository, without tag and digest."""
        return f"{self.registry}/{self.repository}"

    @property
    def version(self) -> str:
        """What to ask the registry for: the digest where there is one, else the tag."""
        return self.digest or self.tag or "latest"

    def pinned(self, digest: str) -> Reference:
        """This image at exactly *digest*."""
        return replace(self, digest=digest)


def check_repository(repository: str, *, of: str | None = None, registry: str = "") -> None:
    """Refuse a repository name that no registry takes.

    Args:
        repository: the name without its registry.
        of: the whole text that the user wrote, for the message.
        registry: counted towards the length limit when given.

    Raises:
        InputError: the name has other characters than the specification's, or is too long.
    """
    text = of if of is not None else repository
    if len(repository) + len(registry) + 1 > _NAME_LIMIT:
        raise _wrong(text, f"the name is longer than {_NAME_LIMIT} characters")
    if _REPOSITORY.fullmatch(repository):
        return
    if _REPOSITORY.fullmatch(repository.lower()):
        raise _wrong(
            text,
            "repository names are lower case",
            f"write {text.replace(repository, repository.lower())}",
        )
    raise _wrong(
        text,
        f"the repository name {repository!r} is malformed",
        "use lower case letters, digits, and single . _ or - between them; / separates parts",
    )


def check_tag(tag: str, *, of: str | None = None) -> None:
    """Refuse a tag that no registry takes.

    Raises:
        InputError: *tag* has illegal characters or more than 128 of them.
    """
    if not _TAG.fullmatch(tag):
        raise _wrong(
            of if of is not None else tag,
            f"the tag {_short(tag)!r} is malformed",
            "a tag has at most 128 letters, digits, _ . and -, and starts with none of . and -",
        )


def _check_shape(text: str) -> None:
    if not text:
        raise _wrong(text, "it is empty")
    if len(text) > 2 * _NAME_LIMIT + 128:
        raise _wrong(text, f"the name is longer than {_NAME_LIMIT} characters")
    if "://" in text:
        plain = text.partition("://")[2].rstrip("/")
        raise _wrong(text, "a reference has no scheme", f"write {_short(plain)}")
    if text != text.strip():
        raise _wrong(text, "there is white space around it", f"write {_short(text.strip())}")


def _split_tag(rest: str) -> tuple[str, str | None]:
    """A colon after the last slash starts the tag; an earlier one is the port's."""
    head, slash, last = rest.rpartition("/")
    name, colon, tag = last.partition(":")
    return f"{head}{slash}{name}", tag if colon else None


def _split_registry(name: str) -> tuple[str, str]:
    """The first part is a host when it looks like one, as docker decides it."""
    first, slash, rest = name.partition("/")
    looks_like_host = "." in first or ":" in first or first == "localhost" or first != first.lower()
    registry, repository = (first, rest) if slash and looks_like_host else (DOCKER_HUB, name)
    if registry in ("index.docker.io", "registry-1.docker.io"):
        registry = DOCKER_HUB
    if registry == DOCKER_HUB and "/" not in repository:
        repository = f"library/{repository}"
    return registry, repository


def _check_host(text: str, registry: str) -> None:
    match = _HOST.fullmatch(registry)
    if not match:
        raise _wrong(text, f"the registry {_short(registry)!r} is not a host name")
    if match["port"] and not 0 < int(match["port"]) < 65536:
        raise _wrong(text, f"port {match['port']} does not exist")


def _short(text: str) -> str:
    return text if len(text) <= 100 else f"{text[:97]}..."


def _wrong(text: str, why: str, hint: str | None = None) -> InputError:
    return InputError(
        f"{_short(text)!r} is not an image reference: {why}",
        hint=hint or "write such as ghcr.io/acme/hub:1.0 or ghcr.io/acme/hub@sha256:...",
    )
