"""What moved between two locks, in words."""

from __future__ import annotations

from collections.abc import Iterator

from stackyard.lock.model import Lock, LockedBase, Resolution


def describe(before: Lock | None, now: Lock) -> Iterator[str]:
    """A line for each thing that moved, resolution by resolution.

    Yields:
        Such as ``py311: pandas 2.3.2 → 2.3.3``; for a new resolution its size.
    """
    for place, resolution in now.resolutions.items():
        old = before.resolutions.get(place) if before else None
        if old is None:
            yield f"{resolution.variant}: {_count(resolution)} on {_bases(resolution)}"
        else:
            yield from (f"{resolution.variant}: {line}" for line in _moves(old, resolution))
    for variant, base in (before.resolutions.keys() if before else set()) - now.resolutions.keys():
        yield f"{variant}: no longer locked on {base}"


def _count(resolution: Resolution) -> str:
    count = len({package.name for package in resolution.packages})
    return f"{count or 'no'} {'package' if count == 1 else 'packages'}"


def _bases(resolution: Resolution) -> str:
    return ", ".join(
        f"{base.source} ({platform}, {_python(base)})"
        for platform, base in resolution.bases.items()
    )


def _python(base: LockedBase) -> str:
    return f"Python {base.python.version}" if base.python else "no Python"


def _moves(before: Resolution, now: Resolution) -> Iterator[str]:
    for platform, base in now.bases.items():
        old = before.bases.get(platform)
        if old is None or old.source != base.source:
            yield f"the base is now {base.source} ({platform}, {_python(base)})"
        elif old.digest != base.digest:
            yield f"base {base.source} ({platform}) is newer"
    old_versions, versions = _versions(before), _versions(now)
    for name in sorted(old_versions.keys() | versions.keys()):
        was, is_ = old_versions.get(name), versions.get(name)
        if was is None:
            yield f"+ {name} {is_}"
        elif is_ is None:
            yield f"- {name} {was}"
        elif was != is_:
            yield f"{name} {was} → {is_}"


def _versions(resolution: Resolution) -> dict[str, str]:
    """Each package's versions; several when the resolution forked."""
    found: dict[str, set[str]] = {}
    for package in resolution.packages:
        found.setdefault(package.name, set()).add(package.version)
    return {name: " and ".join(sorted(versions)) for name, versions in found.items()}
