"""Two packages of one image that want the same path."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache

from stackyard.build.caches import packed_wheels
from stackyard.build.steps import GroupStep, ImageStep
from stackyard.build.wheels import wheel_task
from stackyard.errors import InputError
from stackyard.oci.store import Store
from stackyard.pack.clashes import find_clashes
from stackyard.pack.segment import cached_segment, read_index
from stackyard.pack.task import segment_key


def refuse_clashes(store: Store, image: ImageStep, groups: Iterable[GroupStep]) -> None:
    """Check that no path of an image has two owners who disagree on its content.

    Raises:
        InputError: naming the path, both packages and the image.
    """
    files = package_files(store, groups)
    if clashes := find_clashes(files):
        path, one, other = clashes[0]
        more = f" (and {len(clashes) - 1} more paths)" if len(clashes) > 1 else ""
        raise InputError(
            f"{one} and {other} both bring /{path} to {image.target}, with different content{more}",
            hint="leave one of the two out of the layers that meet in this image, or pin a "
            "version that does not bring the file",
        )


def package_files(store: Store, groups: Iterable[GroupStep]) -> dict[str, Mapping[str, str]]:
    """Of each package (``numpy 2.1.0``) the paths that it brings, with their hashes."""
    return {
        f"{package.name} {package.version}": _files(store, key)
        for group in groups
        for package in group.packages
        for key in [
            segment_key(wheel_task(package, group.platform, group.python, bytecode=group.bytecode))
        ]
    }


@lru_cache(maxsize=4096)
def _files(store: Store, key: str) -> Mapping[str, str]:
    """The files of a packed wheel; none when its segment was pruned from the cache."""
    segment = cached_segment(packed_wheels(store), key)
    return read_index(segment) if segment else {}
