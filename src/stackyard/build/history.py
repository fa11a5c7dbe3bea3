"""Which images were built of which stack file, so that the last builds can be kept."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from stackyard.build.keys import key_of
from stackyard.build.steps import ImageStep
from stackyard.oci.memos import Memo
from stackyard.oci.store import Store

BUILT = "built"
PROJECT = "project"


@dataclass(frozen=True)
class Build:
    """An image that was built.

    Attributes:
        memo: the key of its record.
        project: tells the stack file, see `note_project`.
        target: image, variant and platform.
        steps: keys of all its steps, its own included.
        time: seconds since the epoch.
    """

    memo: str
    project: str
    target: tuple[str, str, str]
    steps: tuple[str, ...]
    time: float


def note_project(store: Store, project: str, path: Path) -> None:
    """Remember where a project's stack file is."""
    value = {"path": str(path.absolute())}
    if store.recall(PROJECT, project) != value:
        store.remember(PROJECT, project, value)


def note_build(store: Store, step: ImageStep, *, project: str) -> None:
    """Remember that an image was built now, and of which steps."""
    target = step.target
    value = {
        "project": project,
        "target": [target.image, target.variant, target.platform],
        "steps": [*step.needs, step.key],
        "time": time.time(),
    }
    store.remember(BUILT, key_of("built", project=project, image=step.key), value)


def builds(memos: Iterable[Memo]) -> list[Build]:
    """What was built, the last first; damaged records are passed over."""
    found = []
    for memo in memos:
        if memo.kind == BUILT:
            try:
                found.append(_read(memo))
            except (KeyError, TypeError, ValueError):
                continue
    return sorted(found, key=lambda build: -build.time)


def stack_files(memos: Iterable[Memo]) -> dict[str, Path]:
    """Where each project's stack file is, or was."""
    told = {memo.key: memo.value.get("path") for memo in memos if memo.kind == PROJECT}
    return {key: Path(path) for key, path in told.items() if isinstance(path, str)}


def _read(memo: Memo) -> Build:
    value = memo.value
    image, variant, platform = map(str, value["target"])
    steps = tuple(map(str, value["steps"]))
    return Build(
        memo.key, str(value["project"]), (image, variant, platform), steps, float(value["time"])
    )
