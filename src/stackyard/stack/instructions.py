"""A layer's Containerfile: read, rendered for a variant, and its parent found."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from stackyard.errors import Position
from stackyard.stack.containerfile import ContainerfileError, parent_argument
from stackyard.stack.template import Templates
from stackyard.stack.templateerror import TemplateError
from stackyard.stack.textfile import TextError, read_text
from stackyard.stack.values import Containerfile
from stackyard.stack.written import Written

TEMPLATE = ".j2"
"""What the name of a template ends with."""
PARENT = "BASE_IMAGE"
"""The build argument that ``parent`` in a template stands for."""

_NEXT = ("\\", "`")
"""What can end a line that goes on in the next one."""


def read_containerfile(
    written: Written, relative: str, args: Mapping[str, str]
) -> Containerfile | None:
    """A Containerfile as it stands; None when something is wrong with it.

    A template's text is its source: `render_containerfile` finishes it.
    """
    try:
        text = read_text(written.root / relative)
    except TextError as error:
        _fail(written, relative, error.line, error.message)
        return None
    made = Containerfile(relative, text, args=args)
    return made if is_template(made) else _checked(written, made)


def is_template(containerfile: Containerfile) -> bool:
    """Whether its text depends on the variant."""
    return containerfile.path.endswith(TEMPLATE)


def render_containerfile(
    written: Written, template: Containerfile, templates: Templates, variables: Mapping[str, Any]
) -> Containerfile | None:
    """A template with these variables; None when something is wrong with it."""
    try:
        known = {**variables, "parent": f"${{{PARENT}}}"}
        text = templates.render_file(template.text, known)
    except TemplateError as error:
        _fail(written, template.path, error.line, error.message, error.hint)
        return None
    return _checked(written, replace(template, text=with_argument(text)))


def with_argument(text: str) -> str:
    """Instructions that use ``${BASE_IMAGE}``, with its ``ARG`` if that is missing.

    It goes right before the first ``FROM``, so that what has to be at the top stays there.
    """
    if f"${{{PARENT}}}" not in text:
        return text
    lines = text.split("\n")
    goes_on = False
    for number, line in enumerate(lines):
        words = re.split(r"[\s=]+", line.strip())
        if words[0].startswith("#"):
            continue
        if not goes_on and words[0].upper() == "FROM":
            return "\n".join([*lines[:number], f"ARG {PARENT}", *lines[number:]])
        if PARENT in words:
            return text
        goes_on = line.rstrip().endswith(_NEXT)
    return text


def _checked(written: Written, made: Containerfile) -> Containerfile | None:
    try:
        parent = parent_argument(made.text)
    except ContainerfileError as error:
        line, message = error.line, error.message
        if is_template(made) and line:
            # Lines of what it makes are not its own lines.
            [shown] = made.text.split("\n")[line - 1 : line] or [""]
            line, message = 0, f"{message}; in the line {shown.strip()!r} of what it makes"
        _fail(written, made.path, line, message, error.hint)
        return None
    if parent in made.args:
        message = f"{parent} is what the layer stands on, which Stackyard sets"
        written.fail(("args", parent), message, "leave it out")
        return None
    return replace(made, parent=parent)


def _fail(
    written: Written, relative: str, line: int, message: str, hint: str | None = None
) -> None:
    where = Position(str(written.shown / relative), line)
    written.problems.add(where, f"layers.{written.name}.containerfile: {message}", hint)
