"""The stack as a Mermaid graph: layers on layers, images on top.

https://mermaid.js.org/syntax/flowchart.html
"""

from __future__ import annotations

from stackyard.build.plan import Plan
from stackyard.stack.values import Layer, Stack

_BUILT = "classDef build fill:#fde9c8,stroke:#c77700,color:#3d2a00;"
_REUSED = "classDef reuse fill:#dff0df,stroke:#3c7a3c,color:#12300f;"


def mermaid(stack: Stack, plan: Plan) -> str:
    """The layers and images of a plan's targets, coloured by what is built.

    A layer is shown as built when any of its own steps is, in any variant.
    """
    building = {name for d in plan.to_build if d.step.kind != "image" for name in d.step.layers}
    layers: dict[str, Layer] = {}
    images: dict[str, tuple[str, ...]] = {}
    for target in plan.images:
        image = stack.image(target)
        images[target.image] = image.layers
        for name in image.closure:
            layers[name] = stack.variants[target.variant].layers[name]
    ids = {f"layer {name}": f"l{i}" for i, name in enumerate(layers)}
    ids |= {f"image {name}": f"i{i}" for i, name in enumerate(images)}
    lines = ["flowchart BT"]
    lines += [
        f"  {ids[f'layer {name}']}[{_text(_describe(layer))}]"
        f":::{'build' if name in building else 'reuse'}"
        for name, layer in layers.items()
    ]
    lines += [
        f"  {ids[f'image {name}']}([{_text(f'<b>{name}</b>')}])"
        f":::{'build' if _is_built(plan, name) else 'reuse'}"
        for name in images
    ]
    lines += [
        f"  {ids[f'layer {under}']} --> {ids[f'layer {name}']}"
        for name, layer in layers.items()
        for under in layer.on
    ]
    lines += [
        f"  {ids[f'layer {under}']} --> {ids[f'image {name}']}"
        for name, on in images.items()
        for under in on
    ]
    return "\n".join([*lines, f"  {_BUILT}", f"  {_REUSED}"])


def _is_built(plan: Plan, image: str) -> bool:
    return any(
        plan.decisions[key].made is None for t, key in plan.images.items() if t.image == image
    )


def _describe(layer: Layer) -> str:
    words = [str(layer.base)] if layer.base else []
    words += layer.pip[:3]
    rest = len(layer.pip) - 3
    words += [f"and {rest} more"] if rest > 0 else []
    words += [", ".join(_engine_steps(layer))] if _engine_steps(layer) else []
    return f"<b>{layer.name}</b><br/>" + "<br/>".join(map(_escape, words))


def _engine_steps(layer: Layer) -> list[str]:
    there = {
        "apt": layer.apt and not layer.bootstrapped,
        "Containerfile": layer.containerfile,
        "run": layer.run or layer.script,
        "finish": layer.finish,
    }
    return [name for name, found in there.items() if found]


def _escape(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace('"', "'")


def _text(html: str) -> str:
    return f'"{html}"'
