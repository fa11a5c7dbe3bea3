"""Renders the strings of a stack file, and decides its conditions.

Templates are compiled once; a string without a mark of Jinja is never touched,
and Jinja is not even imported for a stack that has none.
"""

from __future__ import annotations

import functools
import importlib
import re
from collections.abc import Iterable, Mapping
from types import ModuleType
from typing import TYPE_CHECKING, Any

from stackyard.stack.templateerror import TemplateError

if TYPE_CHECKING:
    from jinja2 import Template

    from stackyard.stack.filesandbox import FileSandbox
    from stackyard.stack.sandbox import Sandbox

MAX_TEXT = 1 << 15
"""Characters of a template's source, and of what it makes."""
MAX_FILE_SOURCE = 1 << 16
MAX_FILE = 1 << 18
"""The same for a file that is a template."""
MAX_TOTAL = 5_000_000
"""Operations that all templates of one stack file may take together."""

_NAME = re.compile(r"\{\{ ?([A-Za-z_][A-Za-z0-9_]*) ?\}\}")
_MARK = re.compile(r"\{[{%#]")


def is_template(text: str) -> bool:
    """Whether Jinja would read `text` as more than text."""
    return "{" in text and _MARK.search(text) is not None


class Templates:
    """Compiled templates, for one reading of a stack file."""

    def __init__(self) -> None:
        self._compiled: dict[tuple[str, str], Template] = {}
        self._spent = 0

    def render(self, source: str, variables: Mapping[str, Any]) -> str:
        """The text that a template makes with these variables.

        Raises:
            TemplateError: it is wrong, uses an undefined name, or asks for too much.
        """
        simple = _filled(source, variables)
        if simple is not None:
            return simple
        return self._run(self._template(source), variables)

    def render_file(self, source: str, variables: Mapping[str, Any]) -> str:
        """What a file that is a template makes; it can also ``set`` names.

        Raises:
            TemplateError: as for `render`, with the line.
        """
        template = self._template(source, "file")
        return self._run(template, variables, self._file_sandbox, MAX_FILE)

    def holds(self, expression: str, variables: Mapping[str, Any]) -> bool:
        """Whether an expression (of ``when:``) is true.

        Raises:
            TemplateError: as for `render`.
        """
        if is_template(expression):
            raise TemplateError("it is an expression already", "write it without braces")
        return bool(self._run(self._template(expression, "expression"), variables))

    def names(self, source: str) -> frozenset[str]:
        """The variables that a template mentions.

        Raises:
            TemplateError: it is not a template.
        """
        _bounded(len(source), "its source")
        found: frozenset[str] = self._jinja.names(self._sandbox, source)
        return found

    @functools.cached_property
    def _jinja(self) -> ModuleType:
        return importlib.import_module("stackyard.stack.compiler")

    @functools.cached_property
    def _sandbox(self) -> Sandbox:
        made: Sandbox = self._jinja.Sandbox()
        return made

    @functools.cached_property
    def _file_sandbox(self) -> FileSandbox:
        made: FileSandbox = self._jinja.FileSandbox()
        return made

    def _template(self, source: str, kind: str = "text") -> Template:
        key = (source, kind)
        if key not in self._compiled:
            _bounded(len(source), "its source", MAX_FILE_SOURCE if kind == "file" else MAX_TEXT)
            jinja = self._jinja
            make = jinja.compile_expression if kind == "expression" else jinja.compile_template
            sandbox = self._file_sandbox if kind == "file" else self._sandbox
            self._compiled[key] = make(sandbox, source)
        return self._compiled[key]

    def _run(
        self,
        template: Template,
        variables: Mapping[str, Any],
        sandbox: Sandbox | None = None,
        most: int = MAX_TEXT,
    ) -> str:
        sandbox = sandbox or self._sandbox
        sandbox.spent = 0
        try:
            made: str = self._jinja.explained(
                lambda: _write(template.generate(variables), most), known=variables
            )
        finally:
            self._spent += 1 + sandbox.spent
        if self._spent > MAX_TOTAL:
            raise TemplateError("the templates of this stack take too many steps in all")
        return made


@functools.lru_cache(maxsize=10_000)
def _parts(source: str) -> tuple[str, ...]:
    """Text and names in turn, of a template with nothing but names; else empty."""
    if len(source) > MAX_TEXT or "\r" in source:
        return ()
    parts = tuple(_NAME.split(source))
    beside = parts[::2]
    more = any(_MARK.search(text) or text.endswith("{") for text in beside)
    return () if more else parts


def _filled(source: str, variables: Mapping[str, Any]) -> str | None:
    """What Jinja would make of a template with nothing but names of text and whole numbers.

    Most templates are such; this spares compiling them. None for any other.
    """
    parts = _parts(source)
    if not parts:
        return None
    values = [variables.get(name) for name in parts[1::2]]
    if not all(isinstance(value, str) or type(value) is int for value in values):
        return None
    filled = list(parts)
    filled[1::2] = map(str, values)
    made = "".join(filled)
    return made if len(made) <= MAX_TEXT else None


def _write(parts: Iterable[str], most: int) -> str:
    written: list[str] = []
    length = 0
    for part in parts:
        length += len(part)
        _bounded(length, "what it makes", most)
        written.append(part)
    return "".join(written)


def _bounded(length: int, what: str, most: int = MAX_TEXT) -> None:
    if length > most:
        raise TemplateError(f"not allowed: {what} has more than {most} characters")
