"""Where a layer comes from, in the words of the image's history."""

from __future__ import annotations

import re
from dataclasses import dataclass

from stackyard.oci.image import History

_OURS = re.compile(r"stackyard (?P<kind>[a-z]+) (?P<rest>.*)", re.DOTALL)
_SHELL = re.compile(r"(RUN )?(\|\d+ .*?)?/bin/(ba)?sh -c (#\(nop\) *)?")


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a layer comes from.

    Attributes:
        kind: the step that made it (``apt``, ``packages``); empty for a layer that
            Stackyard did not make.
        name: of the step in the stack file's words, or the command that made the layer.
        layers: the stack file's layers that need it, where that is known.
        holds: what the step was made from (``numpy==2.4.6 ...``), where that is known.
    """

    kind: str
    name: str
    layers: tuple[str, ...] = ()
    holds: str = ""


def origin(history: History) -> Origin:
    """Read a history entry: one of Stackyard's, or another builder's."""
    ours = _OURS.fullmatch(history.created_by)
    if ours and history.comment.startswith("layers:"):
        kind, rest = ours["kind"], ours["rest"]
        # A group's name can have a colon in it, what it holds has none; others the reverse.
        name, _, holds = rest.rpartition(": ") if kind == "packages" else _name(kind, rest)
        layers = tuple(history.comment.removeprefix("layers:").split())
        return Origin(kind, name or rest, layers, holds if name else "")
    if history.comment == "stackyard":
        name, _, holds = history.created_by.partition(" with ")
        return Origin("base", name, (), holds)
    command = _SHELL.sub("", history.created_by, count=1).removesuffix("# buildkit")
    return Origin("", " ".join(command.split()))


def _name(kind: str, rest: str) -> tuple[str, str, str]:
    mark = ": files" if kind == "files" else ""
    name, _, holds = rest.partition(f"{mark}: ")
    return f"{name}{mark}", ": ", holds
