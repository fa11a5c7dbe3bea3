"""Whether something is a profile list, in the forms that KubeSpawner takes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from stackyard.errors import InputError, Position


def as_profiles(
    listed: Any, what: str, where: Position, doing: str
) -> tuple[Mapping[str, Any], ...]:
    """The profiles of a list, or of the mapping that KubeSpawner takes from 7.1.0 on.

    That one is sorted by its keys. Null is no profile, as in the chart.

    Args:
        listed: of JSON's types.
        what: what it is called in messages.
        where: its place.
        doing: what messages begin with.

    Raises:
        InputError: it is neither, or an entry is no mapping.
    """
    if listed is None:
        return ()
    if isinstance(listed, Mapping):
        listed = [listed[key] for key in sorted(listed)]
    if not isinstance(listed, list):
        raise InputError(
            f"{doing}: {what} is a single value, and a list of profiles is expected", where=where
        )
    for number, entry in enumerate(listed, 1):
        if not isinstance(entry, Mapping) or not (entry.get("display_name") or entry.get("slug")):
            found = "has no display_name" if isinstance(entry, Mapping) else "is no mapping"
            raise InputError(
                f"{doing}: {what}: entry {number} {found}, and KubeSpawner needs one",
                where=where,
                hint="give a file with the profile list that the hub takes",
            )
    return tuple(listed)
