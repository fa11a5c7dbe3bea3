"""Two packages that want the same path."""

from __future__ import annotations

from collections.abc import Mapping

from stackyard.pack.paths import directories_of


def find_clashes(packages: Mapping[str, Mapping[str, str]]) -> list[tuple[str, str, str]]:
    """Paths that two packages fill with different contents, or one as a file, one as a folder.

    Equal contents are fine: packages of one namespace often bring the same
    ``__init__.py``.

    Args:
        packages: for each package its files, by path, as `segment.read_index` gives them.

    Returns:
        The path, and the first two packages that differ there (in the order
        given), sorted by path.
    """
    owners: dict[str, tuple[str, str]] = {}
    clashes: dict[str, tuple[str, str]] = {}
    for package, files in packages.items():
        for path, content in files.items():
            owner, known = owners.setdefault(path, (package, content))
            if known != content:
                clashes.setdefault(path, (owner, package))
    for package, files in packages.items():
        for path in directories_of(files) & owners.keys():
            clashes.setdefault(path, (owners[path][0], package))
    return [(path, *clashes[path]) for path in sorted(clashes)]
