"""The base's own distributions, told to uv so that it takes exactly those.

An index may lack a base's version, or have only its source. So uv gets a folder
of wheels that hold nothing but metadata; what it picks from there is never locked.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Mapping
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from stackyard.errors import OutsideError
from stackyard.inventory.facts import BaseDist
from stackyard.lock.targets import Goal

Provided = Mapping[str, Mapping[str, str]]
"""Platform to normalised name to normalised version."""


def provided(goals: Mapping[str, Goal]) -> Provided:
    """What each platform's base has, without what has no valid version."""
    out: dict[str, Mapping[str, str]] = {}
    for platform, goal in goals.items():
        found: dict[str, str] = {}
        for dist in goal.python.dists:
            try:
                found[canonicalize_name(dist.name)] = str(Version(dist.version))
            except InvalidVersion:
                continue
        out[platform] = found
    return out


def constraints(goals: Mapping[str, Goal], have: Provided) -> dict[str, tuple[str, str]]:
    """The constraint lines, each with the name and version that it is for."""
    lines: dict[tuple[str, str], list[str]] = {}
    for platform, found in have.items():
        for name, version in found.items():
            lines.setdefault((name, version), []).append(platform)
    out = {}
    for (name, version), platforms in sorted(lines.items()):
        line = f"{name}=={version}"
        if len(platforms) < len(goals):
            machines = sorted(goals[p].machine for p in platforms)
            line += " ; " + " or ".join(f"platform_machine == '{m}'" for m in machines)
        out[line] = (name, version)
    return out


def write_links(folder: Path, goals: Mapping[str, Goal]) -> bool:
    """Write a metadata-only wheel for each of the bases' distributions.

    Returns:
        Whether there is any.

    Raises:
        OutsideError: they cannot be written.
    """
    wheels: dict[str, str] = {}
    for goal in goals.values():
        dists = goal.python.dists
        names: set[str] = {canonicalize_name(d.name) for d in dists}
        for dist in dists:
            try:
                version = str(Version(dist.version))
            except InvalidVersion:
                continue
            name = re.sub(r"[-_.]+", "_", dist.name).lower()
            wheels.setdefault(f"{name}-{version}", _metadata(dist, version, names))
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for stem, metadata in wheels.items():
            with zipfile.ZipFile(folder / f"{stem}-py3-none-any.whl", "w") as archive:
                info = f"{stem}.dist-info"
                archive.writestr(f"{info}/METADATA", metadata)
                archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
                archive.writestr(f"{info}/RECORD", "")
    except OSError as error:
        raise OutsideError(f"writing the base's metadata: {error.strerror}") from error
    return bool(wheels)


def _metadata(dist: BaseDist, version: str, names: set[str]) -> str:
    """METADATA with the requirements that the base itself does not settle.

    What the base has, it has in one version, whatever its parts ask of each
    other; but a distribution that comes later must suit them.
    """
    lines = ["Metadata-Version: 2.1", f"Name: {dist.name}", f"Version: {version}"]
    extras = set()
    for text in dist.requires:
        try:
            wanted = Requirement(text)
        except InvalidRequirement:
            continue
        if wanted.url or (canonicalize_name(wanted.name) in names and not wanted.extras):
            continue
        extras |= set(re.findall(r"extra\s*==\s*[\"']([^\"']+)[\"']", str(wanted.marker or "")))
        lines.append(f"Requires-Dist: {wanted}")
    lines += [f"Provides-Extra: {extra}" for extra in sorted(extras)]
    return "\n".join(lines) + "\n"
