"""The HelmRelease's file with the list taken out, the ConfigMap put in, and time to pull.

The text is changed at the places that the parser names, and nowhere else. Then both texts are
read, and what differs must be just what was meant; else nothing is changed.
"""

from __future__ import annotations

from collections.abc import Iterator

from stackyard.errors import InputError
from stackyard.hub.delivery.shape import Settings
from stackyard.hub.documents.yamlreader import parse
from stackyard.hub.documents.yamltree import value
from stackyard.hub.release.find import DOING, Release, down, find_release
from stackyard.hub.release.findings import LIST, VALUES_KEY, sources
from stackyard.hub.release.intended import intended
from stackyard.hub.release.lines import Splice, spliced
from stackyard.hub.release.places import BY_HAND, Places
from stackyard.hub.release.taking import taken_out
from stackyard.hub.release.timeouts import ENOUGH, short_timeouts

_BOM = "\ufeff"


def release_in(text: str, name: str, release: str | None = None) -> Release:
    """The hub's HelmRelease in a text.

    Args:
        text: the file's, as it is.
        name: what messages call the file.
        release: which, where there are several.

    Raises:
        InputError: not YAML, none, or several.
    """
    return find_release(parse(text.removeprefix(_BOM), name, DOING), release)


def edited(text: str, release: Release, settings: Settings) -> str:
    """The text in which the release takes its list from the ConfigMap.

    Args:
        text: what `release_in` was given.
        release: what it gave.
        settings: the ConfigMap's name.

    Raises:
        InputError: the file is written in a way in which the change cannot be made safely.
    """
    if release.keys.get("sops") is not None:
        raise InputError(
            "editing the HelmRelease: SOPS has signed the file, and would not take it changed",
            where=release.key("sops"),
            hint="make the change with `sops edit`",
        )
    before = release.tree.text
    mark = _BOM if text.startswith(_BOM) else ""
    for dedented in (False, True):
        made = spliced(before, list(_splices(release, settings, dedented=dedented)))
        if _is_right(made, release, settings):
            return mark + made
    raise InputError(
        "editing the HelmRelease: the change would touch more than it should, so nothing was "
        "changed",
        where=release.where,
        hint=BY_HAND,
    )


def _splices(release: Release, settings: Settings, *, dedented: bool) -> Iterator[Splice]:
    places = Places(release)
    if down(release.spec, "values", *LIST) is not None:
        yield from taken_out(places, dedented=dedented)
    for path in short_timeouts(release):
        yield from places.set(path, ENOUGH, after=("interval", "chart", "chartRef"))
    named = [source for source in sources(release) if source.is_ours(settings)]
    for source in named:
        if source.key != VALUES_KEY and not source.path:
            yield places.replaced(source.node, "valuesKey", VALUES_KEY)
    if not named:
        yield from places.appended(
            "valuesFrom",
            {"kind": "ConfigMap", "name": settings.name, "valuesKey": VALUES_KEY},
        )


def _is_right(text: str, release: Release, settings: Settings) -> bool:
    """Whether the text says what was meant, and nothing else changed."""
    try:
        tree = parse(text, release.tree.name, DOING)
    except InputError:
        return False
    return [value(document) for document in tree.documents] == intended(release, settings)
