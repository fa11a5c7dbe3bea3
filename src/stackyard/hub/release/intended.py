"""What a file shall say after the edit, as values."""

from __future__ import annotations

import copy
from typing import Any

from stackyard.hub.delivery.shape import Settings
from stackyard.hub.documents.yamltree import value
from stackyard.hub.release.find import Release, down
from stackyard.hub.release.findings import LIST, VALUES_KEY, sources
from stackyard.hub.release.timeouts import ENOUGH, short_timeouts


def intended(release: Release, settings: Settings) -> list[Any]:
    """The values of all documents, those of the release changed as the edit shall.

    Args:
        release: the HelmRelease as it is.
        settings: the ConfigMap's name.
    """
    documents = [value(document) for document in release.tree.documents]
    holder: Any = documents
    for step in (*release.path, "spec"):
        # Values of aliases may be shared; only this one shall change.
        holder[step] = copy.deepcopy(holder[step])
        holder = holder[step]
    if down(release.spec, "values", *LIST) is not None:
        _take_out(holder)
    for path in short_timeouts(release):
        below = holder
        for step in path[:-1]:
            below = below[step]
        below[path[-1]] = ENOUGH
    _name(holder, release, settings)
    return documents


def _take_out(spec: dict[str, Any]) -> None:
    values = spec["values"]
    del values[LIST[0]][LIST[1]]
    if not values[LIST[0]]:
        del values[LIST[0]]
    if not values:
        del spec["values"]


def _name(spec: dict[str, Any], release: Release, settings: Settings) -> None:
    ours = False
    for index, source in enumerate(sources(release)):
        if source.is_ours(settings):
            ours = True
            if source.key != VALUES_KEY and not source.path:
                spec["valuesFrom"][index]["valuesKey"] = VALUES_KEY
    if not ours:
        entry = {"kind": "ConfigMap", "name": settings.name, "valuesKey": VALUES_KEY}
        spec["valuesFrom"] = [*(spec.get("valuesFrom") or []), entry]
