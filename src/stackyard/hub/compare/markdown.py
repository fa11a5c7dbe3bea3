"""Changes as Markdown, for the comment of a pull request.

What strangers wrote stands in code spans, in which no renderer looks for links, mentions,
references to issues, or HTML.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import groupby

from stackyard.hub.compare.change import Change, Text
from stackyard.hub.compare.summary import HEADINGS, summary

LONGEST = 60_000
"""Characters of a comment; GitHub takes 65,536."""
_TITLE = "## Profile list: what users would see"
_ROOM = 200  # for the line that says how many are left out


def as_markdown(changes: Sequence[Change], *, longest: int = LONGEST) -> str:
    """A comment: a heading, a summary, and a list; what does not fit is counted.

    Args:
        changes: in the order in which they are told.
        longest: characters that the comment may have.
    """
    lines = [_TITLE, "", f"**{summary(changes)}**"]
    size = sum(len(line) + 1 for line in lines)
    told = 0
    for block, count in _blocks(changes):
        size += sum(len(line) + 1 for line in block)
        if size > longest - _ROOM:
            break
        lines += block
        told += count
    if told < len(changes):
        lines += ["", f"… and {len(changes) - told:,} more: see `stackyard profiles --diff`."]
    return "\n".join(lines) + "\n"


def _blocks(changes: Sequence[Change]) -> Iterator[tuple[list[str], int]]:
    """Lines that stand or fall together, and how many changes they tell."""
    for effect, group in groupby(changes, key=lambda change: change.effect):
        heading = ["", f"### {HEADINGS[effect]}", ""]
        for consequence, same in groupby(group, key=lambda change: change.consequence):
            told = list(same)
            for number, change in enumerate(told, 1):
                block = [*heading, _item(change)]
                if consequence and number == len(told):
                    block += ["", f"  {consequence}"]
                yield block, 1
                heading = []


def _item(change: Change) -> str:
    return f"- {', '.join(map(code, change.names))}: {_marked(change.text)}"


def _marked(text: Text) -> str:
    return text.words.format(*map(code, text.parts))


def code(text: str) -> str:
    """A text of one line as a code span that shows just it."""
    if not text.strip():
        return "(nothing)"
    longest = max(map(len, re.findall("`+", text)), default=0)
    fence = "`" * (longest + 1)
    padded = f" {text} " if text[0] in "` " or text[-1] in "` " else text
    return f"{fence}{padded}{fence}"
