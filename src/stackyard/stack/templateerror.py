"""What is wrong with a template."""

from __future__ import annotations


class TemplateError(ValueError):
    """A template that cannot be rendered: what is wrong, and perhaps what to do.

    Attributes:
        line: of the template; 0 when unknown.
    """

    def __init__(self, message: str, hint: str | None = None, line: int = 0) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.line = line
