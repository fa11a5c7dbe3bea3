"""A YAML text by its lines: where entries begin and end, comments and blank lines considered."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from stackyard.hub.documents.yamltree import Items, Keys, Node, Scalar

_COMMENT = re.compile(r"[ \t]*#")


@dataclass(frozen=True, slots=True)
class Splice:
    """A part of a text, and what is to stand in its place."""

    start: int
    end: int
    text: str = ""


@dataclass(frozen=True)
class Lines:
    """A text whose lines end as on Unix or as on Windows."""

    text: str

    @property
    def newline(self) -> str:
        """How its lines end."""
        return "\r\n" if "\r\n" in self.text else "\n"

    def start(self, offset: int) -> int:
        """Where the line of an offset begins."""
        return self.text.rfind("\n", 0, offset) + 1

    def end(self, offset: int) -> int:
        """Where the line after that of an offset begins, or the text ends."""
        found = self.text.find("\n", offset)
        return len(self.text) if found < 0 else found + 1

    def block_end(self, node: Node, column: int) -> int:
        """Where the lines of a block end, comments that are deeper than a column included.

        Args:
            node: the block's value.
            column: that of its key.
        """
        last = content_end(node, self.text)
        end = last if last and self.text[last - 1] == "\n" else self.end(last)
        at = end
        while at < len(self.text):
            line = self.text[at : self.end(at)]
            if line.strip():
                if not _COMMENT.match(line) or len(line) - len(line.lstrip(" ")) <= column:
                    break
                end = self.end(at)
            at = self.end(at)
        return end

    def insertion(self, offset: int, lines: Sequence[str]) -> Splice:
        """Whole lines put in where a line begins, or after a last one that has no end."""
        if offset and self.text[offset - 1] != "\n":
            return Splice(offset, offset, "".join(f"{self.newline}{line}" for line in lines))
        return Splice(offset, offset, "".join(f"{line}{self.newline}" for line in lines))


def spliced(text: str, splices: Sequence[Splice]) -> str:
    """The text with its parts replaced; they do not overlap."""
    made, at = [], 0
    for splice in sorted(splices, key=lambda splice: (splice.start, splice.end)):
        made += [text[at : splice.start], splice.text]
        at = splice.end
    return "".join([*made, text[at:]])


def content_end(node: Node, text: str) -> int:
    """Where what is written of a node ends; a block's end mark is where the next one begins."""
    match node:
        case Items(flow=False) if node.items:
            return content_end(node.items[-1], text)
        case Keys(flow=False) if node.entries:
            return content_end(node.entries[-1][1], text)
        case Scalar(style="|" | ">"):
            header = text[node.start : node.end].split("\n", 1)[0]
            if "+" in header.partition("#")[0]:
                return node.end
            return node.start + len(text[node.start : node.end].rstrip())
        case _:
            return node.end
