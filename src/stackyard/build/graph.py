"""The stack as a graph, for people: layers on layers, images on top."""

from __future__ import annotations

import html
from collections.abc import Iterator
from dataclasses import dataclass

from stackyard.build.plan import Plan
from stackyard.stack.values import Layer, Stack

_COLOURS = {
    "build": ("#fde9c8", "#c77700", "#3d2a00"),
    "reuse": ("#dff0df", "#3c7a3c", "#12300f"),
}
"""Fill, border and text of what is built, and of what is there."""


@dataclass(frozen=True, slots=True)
class Node:
    """A layer or an image.

    Attributes:
        id: unique in its graph.
        lines: what to show: the name, then what is in it.
        building: whether any of its own steps is to be built, in any variant.
        on: ids of the layers that it stands on.
    """

    id: str
    lines: tuple[str, ...]
    is_image: bool
    building: bool
    on: tuple[str, ...]

    @property
    def state(self) -> str:
        """The name of its colours."""
        return "build" if self.building else "reuse"


def graph(stack: Stack, plan: Plan) -> tuple[Node, ...]:
    """The layers and images of a plan's targets, layers first."""
    building = {name for d in plan.to_build if d.step.kind != "image" for name in d.step.layers}
    layers: dict[str, Layer] = {}
    images: dict[str, tuple[str, ...]] = {}
    for target in plan.images:
        image = stack.image(target)
        images[target.image] = image.layers
        for name in image.closure:
            layers[name] = stack.variants[target.variant].layers[name]
    ids = {name: f"l{i}" for i, name in enumerate(layers)}
    below = [
        Node(
            ids[name],
            (name, *_contents(layer)),
            False,
            name in building,
            tuple(ids[under] for under in layer.on),
        )
        for name, layer in layers.items()
    ]
    above = [
        Node(f"i{i}", (name,), True, _is_built(plan, name), tuple(ids[under] for under in on))
        for i, (name, on) in enumerate(images.items())
    ]
    return (*below, *above)


def mermaid(nodes: tuple[Node, ...]) -> str:
    """As a Mermaid flowchart: https://mermaid.js.org/syntax/flowchart.html."""
    lines = ["flowchart BT"]
    for node in nodes:
        left, right = ("([", "])") if node.is_image else ("[", "]")
        lines.append(f'  {node.id}{left}"{_html(node)}"{right}:::{node.state}')
    lines += [f"  {under} --> {node.id}" for node in nodes for under in node.on]
    for state, (fill, border, text) in _COLOURS.items():
        lines.append(f"  classDef {state} fill:{fill},stroke:{border},color:{text};")
    return "\n".join(lines)


def dot(nodes: tuple[Node, ...]) -> str:
    """In Graphviz' language: https://graphviz.org/doc/info/lang.html."""
    lines = [
        "digraph stack {",
        "  rankdir=BT; bgcolor=transparent;",
        '  node [fontname="Helvetica,Arial,sans-serif", fontsize=11, style=filled];',
        '  edge [color="#777777", arrowsize=0.7];',
    ]
    lines += [f"  {line}" for node in nodes for line in _statements(node)]
    return "\n".join([*lines, "}"])


def _statements(node: Node) -> Iterator[str]:
    fill, border, text = _COLOURS[node.state]
    shape, style = ("box", "filled,rounded") if node.is_image else ("box", "filled")
    yield (
        f'{node.id} [label=<{_html(node)}>, shape={shape}, style="{style}", '
        f'fillcolor="{fill}", color="{border}", fontcolor="{text}"];'
    )
    for under in node.on:
        yield f"{under} -> {node.id};"


def _is_built(plan: Plan, image: str) -> bool:
    return any(
        plan.decisions[key].made is None for t, key in plan.images.items() if t.image == image
    )


def _contents(layer: Layer) -> Iterator[str]:
    if layer.base:
        yield str(layer.base)
    yield from layer.pip[:3]
    if (rest := len(layer.pip) - 3) > 0:
        yield f"and {rest} more"
    there = {
        "apt": layer.apt and not layer.bootstrapped,
        "Containerfile": layer.containerfile,
        "run": layer.run or layer.script,
        "finish": layer.finish,
    }
    if steps := [name for name, found in there.items() if found]:
        yield ", ".join(steps)


def _html(node: Node) -> str:
    return "<br/>".join([f"<b>{_escape(node.lines[0])}</b>", *map(_escape, node.lines[1:])])


def _escape(text: str) -> str:
    # Mermaid's strings end at a quote, however it is written.
    return html.escape(text.replace('"', "'"), quote=False)
