"""Stack files as text, so that lines in messages are those of a real file."""

from __future__ import annotations

from pathlib import Path

import pytest

from stackyard.errors import InputError
from stackyard.hub.profiles import check
from stackyard.hub.published import Earlier, Published
from stackyard.stack.load import load
from stackyard.stack.values import Stack

TOP = """\
registry: ghcr.io/acme/hub
variants: {py311: {}, py313: {}}
layers: {base: {from: "ghcr.io/acme/base:1"}}
"""
"""Three lines; the images follow from line 4."""


def read(folder: Path, text: str, top: str = TOP) -> Stack:
    (folder / "stackyard.yaml").write_text(top + text)
    return load(folder / "stackyard.yaml")


def published(stack: Stack, earlier: tuple[Earlier, ...] = ()) -> list[Published]:
    return [
        Published(
            t.image,
            t.variant,
            reference(t.image, f"{t.variant}-0123456789ab"),
            tuple(entry for entry in earlier if entry.tag.startswith(t.variant)),
        )
        for t in stack.targets
    ]


def reference(image: str, tag: str) -> str:
    return f"ghcr.io/acme/hub/{image}:{tag}@sha256:{'0' * 64}"


def refused(folder: Path, text: str, top: str = TOP) -> tuple[InputError, str]:
    """The error of the profiles of a stack file, and the line that it names."""
    with pytest.raises(InputError) as found:
        check(read(folder, text, top))
    error = found.value
    assert error.where is not None, error
    lines = (folder / "stackyard.yaml").read_text().splitlines()
    return error, lines[error.where.line - 1].strip()
