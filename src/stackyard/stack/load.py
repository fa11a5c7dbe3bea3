"""Reads a stack file whole: the entry to this room."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from stackyard.stack.assemble import Assembler, place_of
from stackyard.stack.check import check
from stackyard.stack.document import MappingNode
from stackyard.stack.image import check_profiles
from stackyard.stack.include import Gathered, gather
from stackyard.stack.problems import Problems
from stackyard.stack.render import Renderer, scalars
from stackyard.stack.source import StackSource
from stackyard.stack.suggest import did_you_mean
from stackyard.stack.template import Templates
from stackyard.stack.values import Stack, Variant
from stackyard.stack.variant import python_version, variables, variants


def load(path: Path) -> Stack:
    """Read a stack file and all that it includes, and check all of it.

    Args:
        path: the stack file; its folder is the root that no path may leave.

    Raises:
        InputError: something in it is wrong; all that could be found is told.
        OutsideError: the disk failed.
    """
    problems, templates = Problems(), Templates()
    gathered = gather(path, problems)
    if not gathered.whole:
        problems.check()
    if not problems:
        for section in ("layers", "images"):
            if not getattr(gathered, section):
                problems.add(gathered.top.where, f"there are no {section}", f"add '{section}:'")
    common = variables(gathered.vars, {}, templates, Problems())
    values, pythons = _variables(gathered, templates, problems)
    top = _top(gathered, templates, common, problems)
    image_variants = _image_variants(gathered, templates, common, problems)
    assembler = Assembler(gathered, templates, problems)
    made: dict[str, Variant] = {}
    for name, known in values.items():
        problems.variant = name
        images = [image for image, names in image_variants.items() if name in names]
        layers, built = assembler.assemble(images, {**known, "variant": name})
        made[name] = Variant(name, known, layers, built, pythons[name])
    problems.variant = None
    if not problems:
        check_profiles([i for variant in made.values() for i in variant.images.values()], problems)
    first = next(iter(values))
    assembler.check_unused({**values[first], "variant": first})
    problems.check(len(values))
    assert top is not None  # noqa: S101 - else there was a problem
    return Stack(
        path=path,
        root=gathered.root,
        registry=top.registry,
        platforms=tuple(dict.fromkeys(top.platforms)),
        variants=made,
        image_variants=image_variants,
        layer_budget=top.layer_budget,
        bytecode=top.bytecode,
        tags=_tags(gathered),
    )


def _tags(gathered: Gathered) -> tuple[str, ...] | None:
    """As written: what they see is known only when an image is published."""
    node = gathered.top.entries.get("tags")
    return None if node is None else tuple(scalar.text for scalar in scalars(node))


def _variables(
    gathered: Gathered, templates: Templates, problems: Problems
) -> tuple[dict[str, dict[str, Any]], dict[str, str | None]]:
    """Each variant's variables and Python; ends here when one of them is wrong."""
    before = len(problems)
    values: dict[str, dict[str, Any]] = {}
    pythons: dict[str, str | None] = {}
    for name, defined in variants(gathered).items():
        problems.variant = name
        values[name] = variables(defined, {"variant": name}, templates, problems)
        pythons[name] = python_version(defined, values[name], problems)
    problems.variant = None
    if len(problems) > before:
        problems.check(len(values))
    return values, pythons


def _top(
    gathered: Gathered, templates: Templates, common: Mapping[str, Any], problems: Problems
) -> StackSource[Any, Any] | None:
    """What belongs to no layer and no image, rendered with the common variables."""
    top = gathered.top.entries.items()
    entries = {key: node for key, node in top if key in StackSource.own}
    node = MappingNode(gathered.top.where, entries, gathered.top.keys)
    rendered = Renderer(templates, common, problems).render(node, "")
    return None if rendered is None else check(StackSource[Any, Any], rendered, "", problems)


def _image_variants(
    gathered: Gathered, templates: Templates, common: Mapping[str, Any], problems: Problems
) -> dict[str, tuple[str, ...]]:
    """For each image its variants, the default first."""
    known = tuple(variants(gathered))
    chosen: dict[str, tuple[str, ...]] = {}
    for name, definition in gathered.images.items():
        node = definition.node
        written = node.entries.get("variants") if isinstance(node, MappingNode) else None
        chosen[name] = known
        if written is None:
            continue
        key = f"images.{name}.variants"
        rendered = Renderer(templates, {**common, "image": name}, problems).render(written, key)
        if rendered is None:
            continue
        names = tuple(dict.fromkeys(scalar.text for scalar in scalars(rendered)))
        for unknown in (text for text in names if text not in known):
            where = place_of(definition, "variants", unknown)
            hint = did_you_mean(unknown, known)
            problems.add(where, f"{key}: there is no variant {unknown!r}", hint)
        chosen[name] = names or known
    return chosen
