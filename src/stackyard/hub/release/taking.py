"""Takes a list out of a HelmRelease's values, and what is empty without it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from stackyard.hub.documents.yamltree import Keys, Node, Scalar, Use
from stackyard.hub.release.findings import LIST
from stackyard.hub.release.lines import Splice
from stackyard.hub.release.places import Places


def taken_out(places: Places, *, dedented: bool) -> Iterator[Splice]:
    """The lines of `values.singleuser.profileList`, and of mappings that had nothing else.

    Comments around the list stay, also those in a mapping that goes.

    Args:
        places: of the release.
        dedented: whether comments that stay where a mapping goes move to that one's column;
            below a block of text they would else become a part of it.

    Raises:
        InputError: the list stands where lines cannot be taken out.
    """
    _, keys = places.spec
    chain: list[tuple[Scalar, Node]] = []
    for name in ("values", LIST[0]):
        chain.append(places.direct(keys, name))
        _, keys = places.direct(keys, name)
    listed = places.own(keys, LIST[1])
    empty: list[tuple[Scalar, Node]] = []
    for key, node in reversed(chain):
        if not isinstance(node, Keys) or len(node.entries) > 1:
            break
        empty.insert(0, (key, node))
    spans = [_span(places, listed)]
    for key, node in empty:
        places.column(key)
        line = Splice(places.lines.start(key.start), places.lines.end(key.end))
        inner = node.entries[0][0].start if isinstance(node, Keys) else node.start
        if line.end > inner:
            places.refuse(key, f"{key.text} and what is in it stand on one line")
        spans.append(line)
    _check_anchors(places, [*empty, listed], spans)
    yield from spans
    if dedented and empty:
        yield from _dedented(places, empty[0], spans)


def _span(places: Places, entry: tuple[Scalar, Node]) -> Splice:
    key, node = entry
    column = places.column(key)
    start = places.lines.start(key.start)
    if places.lines.text[start : key.start].strip(" "):
        places.refuse(key, f"{key.text} is not the first word of its line")
    return Splice(start, places.lines.block_end(node, column))


def _check_anchors(
    places: Places, entries: Sequence[tuple[Scalar, Node]], spans: Sequence[Splice]
) -> None:
    """Refuse where what goes is named, and used by what stays."""
    anchors = {found.anchor for key, node in entries for found in (key, node) if found.anchor}
    anchors |= {found.anchor for found in _all(entries[-1][1]) if found.anchor}
    for document in places.release.tree.documents:
        for use in _all(document):
            inside = any(span.start <= use.start < span.end for span in spans)
            if isinstance(use, Use) and use.name in anchors and not inside:
                places.refuse(use, f"*{use.name} stands for a part of what would be taken out")


def _all(node: Node) -> Iterator[Node]:
    """The node and all that is written in it."""
    yield node
    below: Sequence[Node] = ()
    if isinstance(node, Keys):
        below = [part for entry in node.entries for part in entry]
    elif not isinstance(node, Scalar | Use):
        below = node.items
    for part in below:
        yield from _all(part)


def _dedented(
    places: Places, outer: tuple[Scalar, Node], spans: Sequence[Splice]
) -> Iterator[Splice]:
    """The comments in a mapping that goes, at its own column."""
    key, node = outer
    column = places.column(key)
    at, end = places.lines.start(key.start), places.lines.block_end(node, column)
    while at < end:
        line = places.lines.text[at : places.lines.end(at)]
        stays = not any(span.start <= at < span.end for span in spans)
        width = len(line) - len(line.lstrip(" "))
        if stays and line.strip() and width > column:
            yield Splice(at + column, at + width)
        at = places.lines.end(at)
