"""The parts of two long texts in which they differ."""

from __future__ import annotations

_BEFORE = 30  # characters of what is alike, to find the place by


def excerpts(before: str, after: str, longest: int = 160) -> tuple[str, str]:
    """The two texts, or where they are too long, what is around their first difference.

    Args:
        before: one text.
        after: another one.
        longest: characters of each.
    """
    if max(len(before), len(after)) <= longest:
        return before, after
    pairs = enumerate(zip(before, after, strict=False))
    alike = next((n for n, (one, other) in pairs if one != other), min(len(before), len(after)))
    start = max(0, alike - _BEFORE)
    return _part(before, start, longest), _part(after, start, longest)


def _part(text: str, start: int, longest: int) -> str:
    rest = text[start : start + longest - 2]
    return f"{'…' if start else ''}{rest}{'…' if start + len(rest) < len(text) else ''}"
