"""Manifests and indexes as they come from a registry, read with distrust.

https://github.com/opencontainers/image-spec/blob/main/manifest.md and image-index.md
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from stackyard.errors import OutsideError
from stackyard.oci.descriptor import (
    DOCKER_INDEX,
    DOCKER_MANIFEST,
    INDEX,
    MANIFEST,
    Descriptor,
    Platform,
)
from stackyard.oci.digest import is_digest
from stackyard.oci.documents import parse

MANIFEST_LIMIT = 4 << 20
CONFIG_LIMIT = 16 << 20
INDEX_TYPES = frozenset({INDEX, DOCKER_INDEX})
MANIFEST_TYPES = frozenset({MANIFEST, DOCKER_MANIFEST})
ACCEPT = ", ".join((MANIFEST, INDEX, DOCKER_MANIFEST, DOCKER_INDEX))


@dataclass(frozen=True, slots=True)
class Document:
    """A manifest or an index.

    Attributes:
        media_type: one of `MANIFEST_TYPES` or `INDEX_TYPES`.
        blobs: an image's config and layers; empty for an index.
        manifests: what an index lists; empty for an image.
    """

    media_type: str
    blobs: tuple[Descriptor, ...] = ()
    manifests: tuple[Descriptor, ...] = ()


def media_type_of(data: bytes, announced: str) -> str:
    """The media type a document says that it has, or else the header's.

    Raises:
        ValueError: *data* is no JSON object.
    """
    value = parse(data)
    named = value.get("mediaType")
    if isinstance(named, str) and named:
        return named
    if announced in INDEX_TYPES | MANIFEST_TYPES:
        return announced
    return INDEX if "manifests" in value else MANIFEST


def read_document(data: bytes, media_type: str, doing: str) -> Document:
    """Read a manifest or an index.

    Args:
        data: its bytes.
        media_type: what it is.
        doing: the start of an error's sentence.

    Raises:
        OutsideError: it is neither, or not well formed.
    """
    try:
        value = parse(data)
        if media_type in INDEX_TYPES:
            return Document(media_type, manifests=_descriptors(value["manifests"]))
        if media_type in MANIFEST_TYPES and value.get("schemaVersion") == 2:
            return Document(media_type, _descriptors([value["config"], *value["layers"]]))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise _malformed(doing, f"its {media_type} is malformed") from error
    raise _malformed(doing, f"it is a {media_type[:100]!r}, which is no image of today")


def platform_of(config: bytes, doing: str) -> Platform:
    """The platform that an image's config names.

    Raises:
        OutsideError: the config is not well formed.
    """
    try:
        value = parse(config)
        return Platform(
            str(value["os"]), str(value["architecture"]), str(value.get("variant") or "")
        )
    except (KeyError, ValueError) as error:
        raise _malformed(doing, "its config is malformed") from error


def _descriptors(values: Iterable[Mapping[str, Any]]) -> tuple[Descriptor, ...]:
    found = tuple(Descriptor.from_json(value) for value in values)
    for descriptor in found:
        if not is_digest(descriptor.digest) or descriptor.size < 0:
            raise ValueError(descriptor.digest)
    return found


def _malformed(doing: str, what: str) -> OutsideError:
    return OutsideError(
        f"{doing}: {what}", hint="have the image published again with a current tool"
    )
