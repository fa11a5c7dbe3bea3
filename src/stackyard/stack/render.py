"""Fills in templates and decides conditions: nodes to nodes.

A template yields the text of one scalar, so it can never add a key, an item or
a level. Only ``when:``, which the document itself holds, drops or splices items.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, TypeGuard

from stackyard.stack.document import MappingNode, Node, ScalarNode, SequenceNode
from stackyard.stack.problems import Problems
from stackyard.stack.template import Templates, is_template
from stackyard.stack.templateerror import TemplateError


def is_static(node: Node) -> bool:
    """Whether a node is the same for all variables."""
    if isinstance(node, ScalarNode):
        return not is_template(node.text)
    if isinstance(node, MappingNode):
        return all(map(is_static, node.entries.values()))
    return not any(_is_conditional(item) or not is_static(item) for item in node.items)


def scalars(node: Node) -> Iterator[ScalarNode]:
    """Every scalar under a node."""
    if isinstance(node, ScalarNode):
        yield node
    else:
        below = node.items if isinstance(node, SequenceNode) else node.entries.values()
        for item in below:
            yield from scalars(item)


def conditions(node: Node) -> Iterator[ScalarNode]:
    """Every ``when:`` under a node."""
    if isinstance(node, MappingNode):
        for value in node.entries.values():
            yield from conditions(value)
    elif isinstance(node, SequenceNode):
        for item in node.items:
            if _is_conditional(item):
                yield from scalars(item.entries["when"])
            yield from conditions(item)


class Renderer:
    """Renders nodes with one set of variables, and collects what fails.

    Args:
        templates: compiles and runs them.
        variables: what templates see.
        problems: where failures go.
    """

    def __init__(
        self, templates: Templates, variables: Mapping[str, Any], problems: Problems
    ) -> None:
        self._templates = templates
        self._variables = variables
        self._problems = problems
        self._failed = False

    def render(self, node: Node, key: str) -> Node | None:
        """The node with these variables; None when a part of it failed.

        Args:
            node: as written.
            key: its path of keys, for messages.
        """
        self._failed = False
        rendered = self._node(node, key)
        return None if self._failed else rendered

    def _node(self, node: Node, key: str) -> Node:
        if isinstance(node, ScalarNode):
            return self._scalar(node, key)
        if isinstance(node, SequenceNode):
            return self._sequence(node, key)
        entries = {name: self._node(item, f"{key}.{name}") for name, item in node.entries.items()}
        return MappingNode(node.where, entries, node.keys)

    def _scalar(self, node: ScalarNode, key: str) -> ScalarNode:
        if not is_template(node.text):
            return node
        try:
            text = self._templates.render(node.text, self._variables)
        except TemplateError as error:
            self._fail(node, key, error)
            return node
        return ScalarNode(node.where, text, text)

    def _sequence(self, node: SequenceNode, key: str) -> SequenceNode:
        items: list[Node] = []
        for index, item in enumerate(node.items):
            place = f"{key}[{index}]"
            if not _is_conditional(item):
                items.append(self._node(item, place))
            elif self._holds(item.entries["when"], place):
                items.extend(self._kept(item, place))
        return SequenceNode(node.where, tuple(items))

    def _kept(self, item: MappingNode, key: str) -> tuple[Node, ...]:
        entries = {name: value for name, value in item.entries.items() if name != "when"}
        if set(entries) != {"value"}:
            return (self._node(MappingNode(item.where, entries, item.keys), key),)
        value = self._node(entries["value"], f"{key}.value")
        return value.items if isinstance(value, SequenceNode) else (value,)

    def _holds(self, node: Node, key: str) -> bool:
        if isinstance(node, ScalarNode) and isinstance(node.value, bool):
            return node.value
        try:
            if not isinstance(node, ScalarNode) or not node.text.strip():
                raise TemplateError("expected an expression, such as \"suite == 'trixie'\"")
            return self._templates.holds(node.text, self._variables)
        except TemplateError as error:
            self._fail(node, f"{key}.when", error)
            return False

    def _fail(self, node: Node, key: str, error: TemplateError) -> None:
        self._failed = True
        self._problems.add(node.where, f"{key}: {error.message}", error.hint)


def _is_conditional(item: Node) -> TypeGuard[MappingNode]:
    return isinstance(item, MappingNode) and "when" in item.entries
