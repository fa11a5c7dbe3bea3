"""Descriptors and platforms: how OCI documents point at each other.

https://github.com/opencontainers/image-spec/blob/main/descriptor.md
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

INDEX = "application/vnd.oci.image.index.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER_TAR = "application/vnd.oci.image.layer.v1.tar"
LAYER_GZIP = "application/vnd.oci.image.layer.v1.tar+gzip"
LAYER_ZSTD = "application/vnd.oci.image.layer.v1.tar+zstd"
DOCKER_INDEX = "application/vnd.docker.distribution.manifest.list.v2+json"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_CONFIG = "application/vnd.docker.container.image.v1+json"
DOCKER_LAYER_GZIP = "application/vnd.docker.image.rootfs.diff.tar.gzip"

# A plain dict, because descriptors travel between processes: a proxy cannot be pickled.
NO_ANNOTATIONS: Mapping[str, str] = {}


@dataclass(frozen=True, slots=True, order=True)
class Platform:
    """An operating system and an architecture in Go's names: ``linux/arm64``."""

    os: str
    architecture: str
    variant: str = ""

    @classmethod
    def parse(cls, text: str) -> Platform:
        """Read ``os/architecture[/variant]``.

        Raises:
            ValueError: *text* has not two or three non-empty parts.
        """
        parts = text.split("/")
        if len(parts) not in (2, 3) or not all(parts):
            raise ValueError(f"not a platform: {text!r} (expected such as linux/amd64)")
        return cls(*parts)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Platform:
        """Read a descriptor's ``platform``, or what a config says of itself.

        Raises:
            KeyError, TypeError, AttributeError: it is no platform.
        """
        names = (value["os"], value["architecture"], value.get("variant") or "")
        if not all(isinstance(name, str) for name in names):
            raise TypeError(f"not a platform: {names!r}")
        return cls(*names)

    def __str__(self) -> str:
        return "/".join(p for p in (self.os, self.architecture, self.variant) if p)


@dataclass(frozen=True, slots=True)
class Descriptor:
    """What a blob is (media type), which it is (digest), how long it is (bytes)."""

    media_type: str
    digest: str
    size: int
    annotations: Mapping[str, str] = field(default_factory=lambda: NO_ANNOTATIONS, hash=False)
    platform: Platform | None = None

    def to_json(self) -> dict[str, Any]:
        """The descriptor as the specification's JSON object."""
        out: dict[str, Any] = {
            "mediaType": self.media_type,
            "digest": self.digest,
            "size": self.size,
        }
        if self.platform:
            out["platform"] = {
                "architecture": self.platform.architecture,
                "os": self.platform.os,
            } | ({"variant": self.platform.variant} if self.platform.variant else {})
        if self.annotations:
            out["annotations"] = dict(sorted(self.annotations.items()))
        return out

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Descriptor:
        """Read a descriptor from a manifest or an index.

        Raises:
            KeyError, TypeError, ValueError, AttributeError: it is not a descriptor.
        """
        size = value["size"]
        if not isinstance(size, int) or size < 0:
            raise ValueError(f"not a size: {size!r}")
        annotations = (value.get("annotations") or {}).items()
        platform = value.get("platform")
        return cls(
            media_type=str(value["mediaType"]),
            digest=str(value["digest"]),
            size=size,
            annotations={str(key): str(text) for key, text in annotations},
            platform=Platform.from_json(platform) if platform else None,
        )
