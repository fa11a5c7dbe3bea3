"""What happens during a build, as values that any display can show."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar


@dataclass(frozen=True, kw_only=True)
class Event:
    """Something that happened to a step, or to the download of all wheels.

    Attributes:
        kind: its name in ``--json`` output.
        step: the kind of step; `name` and `scope` are the step's.
    """

    kind: ClassVar[str]
    step: str
    name: str
    scope: str = ""

    def to_json(self) -> dict[str, Any]:
        """The event as one flat JSON object."""
        return {"event": self.kind} | dataclasses.asdict(self)


@dataclass(frozen=True, kw_only=True)
class Started(Event):
    """A step (or the download of all wheels) began; `total` is bytes, 0 if unknown.

    Attributes:
        log: the file that takes an engine's output; empty for other steps.
    """

    kind: ClassVar[str] = "started"
    total: int = 0
    log: str = ""


@dataclass(frozen=True, kw_only=True)
class Advanced(Event):
    """`done` more bytes of a started step are through."""

    kind: ClassVar[str] = "advanced"
    done: int = 0


@dataclass(frozen=True, kw_only=True)
class Said(Event):
    """A line of output of what a step runs."""

    kind: ClassVar[str] = "said"
    line: str = ""


@dataclass(frozen=True, kw_only=True)
class Finished(Event):
    """A step is done: `size` bytes compressed, `seconds` of wall-clock time."""

    kind: ClassVar[str] = "finished"
    size: int = 0
    seconds: float = 0.0
    digest: str = ""


@dataclass(frozen=True, kw_only=True)
class Failed(Event):
    """A step failed; what stands on it is skipped."""

    kind: ClassVar[str] = "failed"
    message: str = ""


@dataclass(frozen=True, kw_only=True)
class Skipped(Event):
    """A step was not tried, because `because` failed."""

    kind: ClassVar[str] = "skipped"
    because: str = ""


Listener = Callable[[Event], None]
"""Receives every event, one at a time, from the thread that drives the build."""
