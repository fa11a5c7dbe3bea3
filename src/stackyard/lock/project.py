"""The project that uv is given: a group for each layer, and what constrains them."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from itertools import combinations

NAME = "stackyard-layers"
"""The generated project. uv's markers for its groups have this name in them."""


def group_marker(group: str) -> str:
    """How uv.lock's markers call a group."""
    return f"group-{len(NAME)}-{NAME}-{group}"


@dataclass(frozen=True)
class Project:
    """What is to be resolved together.

    Attributes:
        groups: group name to its requirements.
        conflicts: pairs of groups that are never installed together.
        constraints: PEP 508 lines that hold for every group.
        environments: platform to the marker of its environment.
        links: a folder with the base's distributions, or empty.
    """

    groups: Mapping[str, tuple[str, ...]]
    conflicts: frozenset[tuple[str, str]]
    constraints: tuple[str, ...]
    environments: Mapping[str, str]
    links: str = ""

    def only(self, items: Collection[str]) -> Project:
        """The same, with only those requirements and constraints that are in *items*."""
        return replace(
            self,
            groups={
                name: tuple(line for line in lines if line in items)
                for name, lines in self.groups.items()
            },
            constraints=tuple(line for line in self.constraints if line in items),
        )

    def toml(self) -> str:
        """The text of its pyproject.toml."""
        environments = _array(sorted(set(self.environments.values())))
        lines = [
            "[project]",
            f"name = {_text(NAME)}",
            'version = "0"',
            'requires-python = ">=3.8"',
            "[dependency-groups]",
            *(f"{name} = {_array(lines)}" for name, lines in self.groups.items()),
            "[tool.uv]",
            "package = false",
            "no-build = true",
            "default-groups = []",
            f"environments = {environments}",
            f"required-environments = {environments}",
            f"constraint-dependencies = {_array(self.constraints)}",
        ]
        if self.links:
            lines.append(f"find-links = {_array([self.links])}")
        pairs = (_pair(pair) for pair in sorted(self.conflicts))
        lines.append(f"conflicts = [{', '.join(pairs)}]")
        return "\n".join(lines) + "\n"


def _text(value: str) -> str:
    return json.dumps(value, ensure_ascii=False)


def _array(values: Collection[str]) -> str:
    return f"[{', '.join(map(_text, values))}]"


def _pair(pair: tuple[str, str]) -> str:
    return f"[{', '.join(f'{{ group = {_text(group)} }}' for group in pair)}]"


def environment(python: str, machine: str) -> str:
    """The marker of one platform.

    The lower bound is the base's Python in full, since packages may ask for a
    patch version; the upper one is the next minor version.

    Args:
        python: in full, such as ``3.11.2``.
        machine: such as ``x86_64``.
    """
    major, minor = python.split(".")[:2]
    return (
        f"python_full_version >= '{python}' and python_full_version < '{major}.{int(minor) + 1}'"
        f" and sys_platform == 'linux' and platform_machine == '{machine}'"
        " and implementation_name == 'cpython'"
    )


@dataclass(frozen=True)
class Sides:
    """Layers that contradict each other and never meet, told to uv as few groups.

    Layers that contradict the same others share one group: uv forks for each
    combination of conflicting groups, and there may be many such layers.

    Attributes:
        opposed: pairs of sets of layers; no image has layers of both.
    """

    opposed: tuple[tuple[frozenset[str], frozenset[str]], ...] = ()

    def signature(self, layer: str) -> tuple[tuple[int, int], ...]:
        """The sides a layer is on, as (index of the opposition, 0 or 1)."""
        return tuple(
            (index, side)
            for index, pair in enumerate(self.opposed)
            for side in (0, 1)
            if layer in pair[side]
        )

    def groups(self, layers: Collection[str]) -> dict[str, str]:
        """Layer to its group: its own, or that of all layers on the same sides."""
        shared: dict[tuple[tuple[int, int], ...], str] = {}
        out = {}
        for number, layer in enumerate(sorted(layers)):
            signature = self.signature(layer)
            own = f"g{number}"
            out[layer] = shared.setdefault(signature, own) if signature else own
        return out

    def conflicts(self, groups: Mapping[str, str]) -> frozenset[tuple[str, str]]:
        """The pairs of groups that oppose each other."""
        first = {group: layer for layer, group in sorted(groups.items(), reverse=True)}
        sides = {group: set(self.signature(layer)) for group, layer in first.items()}
        return frozenset(
            (a, b)
            for a, b in combinations(sorted(sides), 2)
            if any((index, 1 - side) in sides[b] for index, side in sides[a])
        )
