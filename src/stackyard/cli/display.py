"""Showing a build: live lines on a terminal, plain lines when piped, JSON for programs.

Progress goes to standard error, so that standard output holds the result alone;
only ``--json``, whose events are the result, goes to standard output.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

import click

from stackyard.build.events import (
    Advanced,
    Event,
    Failed,
    Finished,
    Said,
    Skipped,
    Started,
)
from stackyard.cli.tables import size

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID


class Display(Protocol):
    """Receives a build's events."""

    def __call__(self, event: Event) -> None:
        """Show one event."""


@contextmanager
def display(*, as_json: bool) -> Iterator[Display]:
    """The display that suits where the output goes."""
    if as_json:
        yield _json_line
    elif sys.stderr.isatty():
        from rich.console import Console
        from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn

        console = Console(stderr=True, highlight=False)
        with Progress(
            SpinnerColumn(),
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=24),
            TextColumn("{task.fields[note]}", markup=False, style="dim"),
            console=console,
            transient=True,
        ) as progress:
            yield _Live(progress)
    else:
        yield _plain_line


def _json_line(event: Event) -> None:
    click.echo(json.dumps(event.to_json()))


def _plain_line(event: Event) -> None:
    if text := told(event):
        click.echo(text, err=True)


def told(event: Event) -> str | None:
    """The one line that an event is worth, or None."""
    match event:
        case Started() if event.log:
            return f"start    {event.step:9} {event.name}  [{event.scope}]  log: {event.log}"
        case Finished():
            weight = f"  {size(event.size)}" if event.size else ""
            where = f"  [{event.scope}]" if event.scope else ""
            return f"done     {event.step:9} {event.name}{where}{weight}  {event.seconds:.1f} s"
        case Failed():
            return f"failed   {event.step:9} {event.name}  [{event.scope}]\n  {event.message}"
        case Skipped():
            return f"skipped  {event.step:9} {event.name}  because of {event.because}"
        case _:
            return None


class _Live:
    """One line for each step that runs; what ended scrolls by above."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._tasks: dict[tuple[str, str, str], TaskID] = {}

    def __call__(self, event: Event) -> None:
        match event:
            case Started():
                self._tasks[event.step, event.name, event.scope] = self._progress.add_task(
                    f"{event.step} {event.name}", total=event.total or None, note=event.scope
                )
            case Advanced():
                if (task := self._find(event)) is not None:
                    self._progress.advance(task, event.done)
            case Said():
                if (task := self._find(event)) is not None:
                    self._progress.update(task, note=event.line[-60:])
            case Finished() | Failed() | Skipped():
                task = self._tasks.pop((event.step, event.name, event.scope), None)
                if task is not None:
                    self._progress.remove_task(task)
                if text := told(event):
                    self._progress.console.print(text, markup=False)

    def _find(self, event: Advanced | Said) -> TaskID | None:
        return self._tasks.get((event.step, event.name, event.scope))
