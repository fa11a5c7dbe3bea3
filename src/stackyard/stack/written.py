"""A layer as it is written: its place in the project, for paths and messages."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from stackyard.stack.check import Loc, dotted, locate
from stackyard.stack.document import Node
from stackyard.stack.include import Definition
from stackyard.stack.paths import PathError, inside, target
from stackyard.stack.problems import Problems


@dataclass(frozen=True, slots=True)
class Written:
    """One layer, before it is made.

    Attributes:
        name: the layer's.
        definition: where it is written.
        node: its node, rendered.
        root: the project's folder.
        shown: how messages call that folder.
        problems: what is wrong goes there.
    """

    name: str
    definition: Definition
    node: Node
    root: Path
    shown: Path
    problems: Problems

    def fail(self, path: Loc, message: str, hint: str | None = None) -> None:
        """Remember what is wrong with a part of the layer."""
        key = dotted(f"layers.{self.name}", path)
        self.problems.add(locate(self.node, path), f"{key}: {message}", hint)

    def path(self, path: Loc, written: str) -> str:
        """A path of the project, relative to its root; as written when it is wrong."""
        try:
            return inside(self.root, self.definition.folder, written)
        except PathError as error:
            self.fail(path, error.message, error.hint)
            return written

    def target(self, path: Loc, written: str | None) -> str | None:
        """A path in the image; as written when it is wrong."""
        try:
            return None if written is None else target(written)
        except PathError as error:
            self.fail(path, error.message, error.hint)
            return written
