"""Puts one variant together: the layers its images need, and the images."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from stackyard.errors import Position
from stackyard.stack.check import locate
from stackyard.stack.closure import CycleError, closure, stacking_order
from stackyard.stack.document import MappingNode, Node
from stackyard.stack.image import make_image, read_image
from stackyard.stack.include import Definition, Gathered
from stackyard.stack.instructions import is_template, render_containerfile
from stackyard.stack.layer import make_layer
from stackyard.stack.problems import Problems
from stackyard.stack.profile import with_shared_options
from stackyard.stack.render import Renderer, is_static, scalars
from stackyard.stack.source import ImageSource, StackSource
from stackyard.stack.suggest import did_you_mean
from stackyard.stack.template import Templates
from stackyard.stack.values import Image, Layer
from stackyard.stack.written import Written


@dataclass(slots=True)
class Assembler:
    """Makes layers and images of a stack, variant after variant.

    Layers without templates are made once and shared by all variants; only a
    Containerfile that is a template is rendered for each.

    Attributes:
        used: the layers that some image uses, so far.
        whole: whether every image and layer could be made, so far.
    """

    gathered: Gathered
    templates: Templates
    problems: Problems
    used: set[str] = field(default_factory=set)
    whole: bool = True
    _static: dict[str, Layer | None] = field(default_factory=dict)
    _templated: set[str] = field(init=False)

    def __post_init__(self) -> None:
        layers = self.gathered.layers.items()
        self._templated = {name for name, layer in layers if not is_static(layer.node)}

    def assemble(
        self, images: list[str], variables: Mapping[str, Any]
    ) -> tuple[dict[str, Layer], dict[str, Image]]:
        """One variant's layers and images; what is wrong goes to the problems.

        Args:
            images: the names of those that are built for this variant.
            variables: the variant's, with ``variant`` itself.
        """
        read = [(name, self._image(name, variables)) for name in images]
        written = {name: image for name, image in read if image is not None}
        wanted = {layer for _, source in written.values() for layer in source.layers}
        layers = self._reach(wanted & self.gathered.layers.keys(), variables)
        if not self.whole:
            return {}, {}
        order = self._order(layers)
        rank = {name: place for place, name in enumerate(order)}
        on = {name: layer.on for name, layer in layers.items()}
        made: dict[str, Image] = {}
        for name, (node, source) in written.items() if order else ():
            stacked = sorted(closure(on, source.layers), key=rank.__getitem__)
            definition = self.gathered.images[name]
            image = make_image(name, definition, node, source, stacked, layers, self.problems)
            if image is not None:
                made[name] = image
        return {name: layers[name] for name in order}, made

    def check_unused(self, variables: Mapping[str, Any]) -> None:
        """Report the layers that no image uses, and what else is wrong with them."""
        unused = [name for name in self.gathered.layers if name not in self.used]
        if not self.whole:
            # Some may be used after all, in a variant with other variables.
            self._reach({name for name in unused if name not in self._templated}, variables)
            return
        layers = self._reach(unused, variables)
        if self.whole:
            self._order(layers)
        for name in unused:
            where = self.gathered.layers[name].where
            hint = "put it into an image, or remove it"
            self.problems.add(where, f"layers.{name}: no image uses it", hint)

    def _image(self, name: str, variables: Mapping[str, Any]) -> tuple[Node, ImageSource] | None:
        definition, key = self.gathered.images[name], f"images.{name}"
        shared = self.gathered.top.entries.get(StackSource.shared)
        renderer = Renderer(self.templates, {**variables, "image": name}, self.problems)
        node = renderer.render(with_shared_options(definition.node, shared), key)
        source = None if node is None else read_image(name, node, self.problems)
        if source is None or not self._known(key, definition, "layers", source.layers):
            self.whole = False
        return None if node is None or source is None else (node, source)

    def _reach(self, wanted: Iterable[str], variables: Mapping[str, Any]) -> dict[str, Layer]:
        """These layers and all that they stand on, as far as they are right."""
        made: dict[str, Layer] = {}
        waiting, seen = list(wanted), set(wanted)
        while waiting:
            name = waiting.pop()
            layer = self._layer(name, variables)
            if layer is None:
                self.whole = False
                continue
            if not self._known(f"layers.{name}", self.gathered.layers[name], "on", layer.on):
                self.whole = False
            made[name] = layer
            below = [on for on in layer.on if on not in seen and on in self.gathered.layers]
            waiting.extend(below)
            seen.update(below)
        self.used |= seen
        return made

    def _layer(self, name: str, variables: Mapping[str, Any]) -> Layer | None:
        known = {**variables, "layer": name}
        written = self._written(name)
        if name not in self._templated:
            if name not in self._static:
                with self.problems.of_no_variant():
                    self._static[name] = make_layer(written)
            return self._rendered(written, self._static[name], known)
        renderer = Renderer(self.templates, known, self.problems)
        node = renderer.render(written.node, f"layers.{name}")
        if node is None:
            return None
        written = self._written(name, node)
        return self._rendered(written, make_layer(written), known)

    def _written(self, name: str, node: Node | None = None) -> Written:
        gathered = self.gathered
        definition = gathered.layers[name]
        node = node or definition.node
        return Written(name, definition, node, gathered.root, gathered.shown, self.problems)

    def _rendered(
        self, written: Written, layer: Layer | None, known: Mapping[str, Any]
    ) -> Layer | None:
        """The layer with its Containerfile rendered, if that is a template."""
        if layer is None or layer.containerfile is None or not is_template(layer.containerfile):
            return layer
        made = render_containerfile(written, layer.containerfile, self.templates, known)
        return None if made is None else replace(layer, containerfile=made)

    def _known(self, key: str, definition: Definition, part: str, names: Any) -> bool:
        unknown = [name for name in names if name not in self.gathered.layers]
        for name in unknown:
            hint = did_you_mean(name, self.gathered.layers)
            where = place_of(definition, part, name)
            self.problems.add(where, f"{key}.{part}: there is no layer {name!r}", hint)
        return not unknown

    def _order(self, layers: Mapping[str, Layer]) -> tuple[str, ...]:
        try:
            return stacking_order({name: layer.on for name, layer in layers.items()})
        except CycleError as error:
            where = place_of(self.gathered.layers[error.path[0]], "on", error.path[1])
            self.problems.add(where, f"layers stand on each other: {error}", "remove one 'on'")
            return ()


def place_of(definition: Definition, part: str, word: str) -> Position:
    """Where a word stands in a part of a definition; the part's place when it was rendered."""
    if isinstance(definition.node, MappingNode) and part in definition.node.entries:
        for scalar in scalars(definition.node.entries[part]):
            if scalar.text == word:
                return scalar.where
    return locate(definition.node, (part,))
