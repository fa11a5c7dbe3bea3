from __future__ import annotations

import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

from stackyard.errors import InputError
from stackyard.stack.load import load
from stackyard.stack.values import Stack

Project = Callable[..., Path]


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """Writes a stack file, and others by path, into one folder; returns the stack file."""

    def make(stack: str, others: dict[str, str] | None = None) -> Path:
        for name, text in (others or {}).items():
            _write(tmp_path, name, text)
        return _write(tmp_path, "stackyard.yaml", stack)

    return make


@pytest.fixture
def loaded(project: Project) -> Callable[..., Stack]:
    return lambda *args: load(project(*args))


@pytest.fixture
def refused(project: Project) -> Callable[..., str]:
    """The message of the InputError that loading ends in."""

    def refuse(*args: object) -> str:
        with pytest.raises(InputError) as error:
            load(project(*args))
        return str(error.value)

    return refuse


def _write(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(textwrap.dedent(text))
    return path
