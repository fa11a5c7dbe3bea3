"""Why layers cannot be locked together, in the stack file's words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from stackyard.errors import InputError, Position
from stackyard.lock.simple import offers
from stackyard.lock.uv import Unsolvable, without_wheels, words

if TYPE_CHECKING:
    from stackyard.lock.solve import Solver

_SHOWN = 6

Base = Mapping[str, tuple[str, str]]
"""Constraint line to the name and version that the base has."""


def refusal(
    solver: Solver, core: Sequence[str], images: Sequence[str], said: Mapping[str, Unsolvable]
) -> InputError:
    """The error for a smallest set of requirements without a solution.

    Args:
        solver: what was being resolved.
        core: the set: requirements of layers, and constraints of the base.
        images: where all of them meet; empty when only some of them do.
        said: platform to uv's explanation of this very set.
    """
    owners = _owners(solver, core, images)
    layers = list(dict.fromkeys(name for _, name in owners))
    lines = [f"    {_place(solver, name)} asks for {line}" for line, name in owners]
    base = next(iter(solver.goals.values())).source
    has = (solver.base[item] for item in core if item in solver.base)
    lines += [f"    the base {base} has {name} {version}" for name, version in has]
    groups: dict[str, list[str]] = {}
    for layer, group in solver.groups.items():
        groups.setdefault(group, []).append(layer)
    message = next(iter(said.values())).message
    lines += ["  uv says:", words(message, groups)]
    for name in without_wheels(message) if len(core) == 1 else ():
        lines.append(f"  wheels of {name}: {_wheels(solver, name)}")
    where = solver.unit.layers[layers[-1]].where if layers else None
    text = "\n".join([_head(solver, core, layers, images), *lines])
    return InputError(text, where=where, hint=_hint(solver, core, images, said))


def _wheels(solver: Solver, name: str) -> str:
    files = [offer.filename for offer in offers(solver.web, name)]
    more = f", and {len(files) - _SHOWN} older or other ones" if len(files) > _SHOWN else ""
    return ", ".join(files[-_SHOWN:]) + more if files else "none"


def _owners(solver: Solver, core: Sequence[str], images: Sequence[str]) -> list[tuple[str, str]]:
    """Each requirement of the core with a layer that asks for it, in one of *images*."""
    inside = solver.unit.images[images[0]] if images else tuple(solver.unit.layers)
    return [
        (line, next(name for name in inside if line in solver.lines[name]))
        for line in core
        if line not in solver.base or any(line in lines for lines in solver.lines.values())
    ]


def _place(solver: Solver, name: str) -> str:
    where: Position = solver.unit.layers[name].where
    return f"layer {name} ({where})"


def _head(solver: Solver, core: Sequence[str], layers: Sequence[str], images: Sequence[str]) -> str:
    variant = solver.unit.variant
    based = any(item in solver.base for item in core)
    if not layers:
        return f"variant {variant}: nothing can be installed"
    if len(core) == 1:
        return f"layer {layers[0]} asks for what cannot be had in variant {variant}:"
    if based:
        who = f"layers {_and(layers)} and the base contradict each other"
    elif len(layers) == 1:
        who = f"layer {layers[0]} contradicts itself"
    else:
        who = f"layers {_and(layers)} contradict each other"
    if not images:
        return f"{who} (variant {variant}), and each two of them meet in some image:"
    return f"{who}, and meet in {_images(images)} (variant {variant}):"


def _images(images: Sequence[str]) -> str:
    shown = _and(images[:6]) + (f" and {len(images) - 6} more" if len(images) > 6 else "")
    return f"image{'s' if len(images) > 1 else ''} {shown}"


def _and(names: Iterable[str]) -> str:
    *most, last = names
    return f"{', '.join(most)} and {last}" if most else last


def _hint(
    solver: Solver, core: Sequence[str], images: Sequence[str], said: Mapping[str, Unsolvable]
) -> str:
    if any(item in solver.base for item in core):
        return "ask for a version that suits what the base has, or take another base"
    if len(core) > 1:
        what = f"take them apart in {_images(images)}" if images else "put fewer of them together"
        return f"loosen one of the requirements, or {what}"
    if any(without_wheels(answer.message) for answer in said.values()):
        where = _and(goal.label for p, goal in solver.goals.items() if p in said or "" in said)
        return (
            f"only wheels are installed, and {where} has none to take: ask for another version, "
            "drop the platform, or build a wheel and put it on your index or into a links folder "
            "(UV_FIND_LINKS)"
        )
    return "see that the name and the version are right, and that your package index has them"
