"""The slug that KubeSpawner gives a profile that has none."""

from __future__ import annotations

from slugify import slugify


def slug_of(display_name: str) -> str:
    """What KubeSpawner's `_get_initialized_profile_list` makes of a name: python-slugify's."""
    return slugify(display_name)
