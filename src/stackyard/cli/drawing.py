"""The stack's graph in the form that is asked for."""

from __future__ import annotations

import subprocess

from stackyard.build.graph import dot, graph, mermaid
from stackyard.build.plan import Plan
from stackyard.errors import OutsideError
from stackyard.stack.values import Stack


def drawn(stack: Stack, plan: Plan, form: str) -> str:
    """The graph as ``mermaid``, ``dot`` or ``svg``.

    Raises:
        OutsideError: Graphviz, which draws SVG, is not installed or failed.
    """
    nodes = graph(stack, plan)
    if form == "mermaid":
        return mermaid(nodes)
    return dot(nodes) if form == "dot" else _svg(dot(nodes))


def _svg(text: str) -> str:
    try:
        done = subprocess.run(
            ["dot", "-Tsvg"], input=text, capture_output=True, encoding="utf-8", check=False
        )
    except FileNotFoundError as error:
        raise OutsideError(
            "Graphviz' program `dot`, which draws SVG, is not installed",
            hint="apt install graphviz; or `--graph mermaid`, which GitHub and GitLab draw",
        ) from error
    if done.returncode:
        raise OutsideError(f"Graphviz failed: {done.stderr.strip()[-300:]}")
    return done.stdout.strip()
