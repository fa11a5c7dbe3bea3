"""What a change of an image's reference means."""

from __future__ import annotations

from stackyard.errors import InputError
from stackyard.hub.compare.change import Effect, Text
from stackyard.hub.visible import visible
from stackyard.oci.reference import Reference

_SHORT = 12


def image_change(before: str, after: str) -> tuple[Effect, Text] | None:
    """What users get instead, or how else the same image is named; None if nothing changed.

    A digest names an image for good; without two of them, equal tags are taken for one image.
    """
    one, other = _parsed(before), _parsed(after)
    if before == after or (one is not None and one == other):
        return None
    if one is None or other is None:
        return Effect.CHANGED, Text("image: {} → {}", (visible(before), visible(after)))
    effect, words = _told(one, other)
    return effect, Text(f"{words}: {{}} → {{}}", (_short(one), _short(other)))


def _told(one: Reference, other: Reference) -> tuple[Effect, str]:
    same_place = one.name == other.name and one.tag == other.tag
    if one.digest and one.digest == other.digest:
        return Effect.UNSEEN, f"the same image, {_where(one, other)}"
    if not (one.digest and other.digest) and same_place:
        way = "by digest" if other.digest else "by tag"
        return Effect.UNSEEN, f"the same image, now named {way}"
    if one.name != other.name:
        return Effect.CHANGED, f"image {_where(one, other)}"
    if same_place and one.tag:
        return Effect.CHANGED, "image rebuilt under the same tag"
    known = (one.tag and other.tag) or (one.digest and other.digest)
    return Effect.CHANGED, "image" if known else "image, perhaps another one"


def _where(one: Reference, other: Reference) -> str:
    if one.registry != other.registry:
        return "from another registry"
    if one.repository != other.repository:
        return "from another repository"
    return "under another tag" if one.tag and other.tag else "named otherwise"


def _parsed(text: str) -> Reference | None:
    try:
        return Reference.parse(text)
    except InputError:
        return None


def _short(reference: Reference) -> str:
    tag = f":{reference.tag}" if reference.tag else ""
    digest = reference.digest.partition(":")[2][:_SHORT] if reference.digest else ""
    return visible(f"{reference.name}{tag}" + (f"@{digest}…" if digest else ""), 300)
