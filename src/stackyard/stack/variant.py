"""The variables of each variant: values that may be templates over others."""

from __future__ import annotations

import re
from collections.abc import Mapping
from graphlib import CycleError, TopologicalSorter
from typing import Any

from stackyard.stack.document import MappingNode, Node, ScalarNode, plain
from stackyard.stack.include import Definition, Gathered
from stackyard.stack.problems import Problems
from stackyard.stack.render import Renderer, conditions, is_static, scalars
from stackyard.stack.template import Templates, is_template
from stackyard.stack.templateerror import TemplateError

DEFAULT = "default"
"""The one variant of a stack that names none."""


def variants(gathered: Gathered) -> dict[str, dict[str, Definition]]:
    """For each variant, in the order written, its variables over the common ones."""
    if not gathered.variants:
        return {DEFAULT: gathered.vars}
    made: dict[str, dict[str, Definition]] = {}
    for name, variant in gathered.variants.items():
        own: dict[str, Definition] = {}
        if isinstance(variant.node, MappingNode):
            for key, value in variant.node.entries.items():
                own[key] = Definition(value, variant.node.keys[key], variant.folder)
        made[name] = {**gathered.vars, **own}
    return made


def variables(
    defined: Mapping[str, Definition],
    known: Mapping[str, Any],
    templates: Templates,
    problems: Problems,
) -> dict[str, Any]:
    """Values of all variables; those that failed are left out, and in `problems`.

    Args:
        defined: the variables, a variant's over the common ones.
        known: what their templates see besides (``variant``).
        templates: compiles and runs them.
        problems: what is wrong goes there.
    """
    try:
        order = TopologicalSorter(
            {name: _uses(value.node, templates) & defined.keys() for name, value in defined.items()}
        ).static_order()
        names = list(order)
    except CycleError as error:
        path = list(reversed(error.args[1]))
        message = "the variables refer to each other: " + " → ".join(path)
        problems.add(defined[path[0]].where, message)
        return {}
    values = dict(known)
    for name in names:
        node: Node | None = defined[name].node
        if node is not None and not is_static(node):
            node = Renderer(templates, values, problems).render(node, f"vars.{name}")
        if node is not None:
            values[name] = plain(node)
    return {name: values[name] for name in defined if name in values}


def python_version(
    defined: Mapping[str, Definition], values: Mapping[str, Any], problems: Problems
) -> str | None:
    """The minor version that the variable ``python`` asks for, such as ``3.11``."""
    if values.get("python") is None:
        return None
    node, where = defined["python"].node, defined["python"].where
    text = str(values["python"])
    if isinstance(node, ScalarNode) and isinstance(node.value, float) and node.text != text:
        message = f"vars.python: {node.text} without quotes is the number {text}"
        problems.add(where, message, f'write python: "{node.text}"')
        return None
    found = re.fullmatch(r"(3\.\d{1,2})(\.\d{1,2})?", text)
    if found is None:
        problems.add(where, f'vars.python: found {text[:60]!r}, expected a version such as "3.11"')
        return None
    return found[1]


def _uses(node: Node, templates: Templates) -> frozenset[str]:
    """The variables that a variable's templates mention; what is wrong is told later."""
    if is_static(node):
        return frozenset()
    sources = [scalar.text for scalar in scalars(node) if is_template(scalar.text)]
    sources += [f"{{{{ {scalar.text} }}}}" for scalar in conditions(node)]
    found: set[str] = set()
    for source in sources:
        try:
            found |= templates.names(source)
        except TemplateError:
            continue
    return frozenset(found)
