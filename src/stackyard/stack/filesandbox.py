"""The Jinja environment of files of instructions, such as Containerfiles."""

from __future__ import annotations

from typing import Any

from jinja2 import nodes
from jinja2.exceptions import FilterArgumentError

from stackyard.stack.blocklines import BlockLines
from stackyard.stack.bounded import quote
from stackyard.stack.sandbox import NODES, Sandbox


class FileSandbox(Sandbox):
    """The same sandbox, with ``set``; lines with nothing but blocks leave nothing behind."""

    syntax = (*NODES, nodes.Assign)

    def __init__(self) -> None:
        super().__init__()
        self.add_extension(BlockLines)
        self.filters["quote"] = self.paid(_quote)


def _quote(value: Any) -> str:
    quoted = quote(value)
    if "\n" in quoted or "\r" in quoted:
        raise FilterArgumentError("quote: the value has a line break, which ends an instruction")
    return quoted
