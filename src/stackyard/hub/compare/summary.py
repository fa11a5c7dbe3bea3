"""How many changes of which kind, in words."""

from __future__ import annotations

from collections.abc import Sequence

from stackyard.hub.compare.change import Change, Effect

HEADINGS = {
    Effect.LOST: "Users lose",
    Effect.CHANGED: "Users see something else",
    Effect.ADDED: "Users get",
    Effect.UNSEEN: "Users do not notice",
}
_WORDS = {Effect.LOST: "lost", Effect.CHANGED: "changed", Effect.ADDED: "added"}


def noticed(changes: Sequence[Change]) -> int:
    """How many changes users notice."""
    return sum(change.effect is not Effect.UNSEEN for change in changes)


def summary(changes: Sequence[Change]) -> str:
    """One sentence, or two."""
    unseen = len(changes) - noticed(changes)
    same = "image is" if unseen == 1 else "images are"
    told = f"{_count(unseen, 'reference')} changed, but the {same} the same." if unseen else ""
    if not noticed(changes):
        return f"No change for users. {told}".strip()
    counts = {effect: sum(c.effect is effect for c in changes) for effect in _WORDS}
    parts = ", ".join(f"{count} {_WORDS[effect]}" for effect, count in counts.items() if count)
    return f"{_count(noticed(changes), 'change')} for users: {parts}. {told}".strip()


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
