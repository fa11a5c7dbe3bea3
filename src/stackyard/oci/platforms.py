"""Which image runs on which platform.

https://github.com/containerd/platforms (normalisation of variants)
"""

from __future__ import annotations

from stackyard.oci.descriptor import Platform

# What the variant is where none is given.
_IMPLIED = {"arm64": "v8", "arm": "v7", "amd64": "v1"}


def fits(wanted: Platform, found: Platform) -> bool:
    """Whether an image for *found* is what was asked for with *wanted*."""
    return _normal(wanted) == _normal(found)


def _normal(platform: Platform) -> tuple[str, str, str]:
    variant = platform.variant or _IMPLIED.get(platform.architecture, "")
    return platform.os, platform.architecture, variant
