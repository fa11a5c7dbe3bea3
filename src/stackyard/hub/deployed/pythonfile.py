"""The list in a `jupyterhub_config.py`: its literals are read, nothing is run."""

from __future__ import annotations

import ast
import re
import warnings
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from stackyard.errors import InputError, Position
from stackyard.hub.deployed.found import Found
from stackyard.hub.deployed.shape import as_profiles

_SETS = re.compile(r"^[ \t]*c\.\w+\.(profile_list|allowed_images)\b", re.MULTILINE)
_TOP = re.compile(r"^c\.\w+\.\w+\s*=", re.MULTILINE)
_ATTRIBUTES = ("profile_list", "allowed_images")


def looks_like_python(text: str) -> bool:
    """Whether a text without a name is a part of `jupyterhub_config.py`."""
    return bool(_TOP.search(text) and _SETS.search(text))


def python_lists(text: str, name: str, doing: str) -> list[Found]:
    """The lists that a file sets, KubeSpawner's and DockerSpawner's.

    Raises:
        InputError: no Python; or a list that only running the file would tell.
    """
    module = _parsed(text, name, doing)
    known = dict(_literals(module))
    found = []
    for node in ast.walk(module):
        if changed := _changed(node):
            raise InputError(
                f"{doing}: {changed} is changed after it was set, and files are not run here",
                where=Position(name, getattr(node, "lineno", 0)),
                hint="give a file that sets the whole list in one place",
            )
        for attribute, given in _assigned(node):
            where = Position(name, given.lineno)
            told = f"{ast.unparse(attribute)}"
            written = _literal(known.get(given.id, given) if isinstance(given, ast.Name) else given)
            if written is _COMPUTED:
                raise InputError(
                    f"{doing}: {told} is computed when the hub starts, and files are not run here",
                    where=where,
                    hint="give a file with the list itself, such as one that "
                    "`stackyard profiles` wrote",
                )
            if attribute.attr == "profile_list":
                found.append(Found(as_profiles(written, told, where, doing), told, where))
            else:
                image = _default_image(module)
                profiles = images_as_profiles(_allowed(written, told, where, doing), image)
                found.append(Found(profiles, told, where, "dockerspawner"))
    return found


def images_as_profiles(
    images: Mapping[str, str], default: str | None
) -> tuple[Mapping[str, Any], ...]:
    """DockerSpawner's images as profiles: its form shows the names, and sends them back.

    Args:
        images: what users choose, to the image.
        default: the image of users who do not choose.
    """
    marked = default if default in images.values() else None
    return tuple(
        {
            "display_name": name,
            "slug": name,
            "default": image == marked,
            "kubespawner_override": {"image": image},
        }
        for name, image in images.items()
    )


def _parsed(text: str, name: str, doing: str) -> ast.Module:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(text.removeprefix("\ufeff"))
    except SyntaxError as error:
        raise InputError(
            f"{doing}: not valid Python: {error.msg}", where=Position(name, error.lineno or 0)
        ) from None
    except (ValueError, MemoryError, RecursionError):
        raise InputError(f"{doing}: not valid Python", where=Position(name)) from None


def _assigned(node: ast.AST) -> Iterator[tuple[ast.Attribute, ast.expr]]:
    if isinstance(node, ast.Assign):
        for goal in node.targets:
            if isinstance(goal, ast.Attribute) and goal.attr in _ATTRIBUTES:
                yield goal, node.value
    if isinstance(node, ast.AnnAssign) and node.value is not None:
        goal = node.target
        if isinstance(goal, ast.Attribute) and goal.attr in _ATTRIBUTES:
            yield goal, node.value


def _changed(node: ast.AST) -> str | None:
    """The list that this changes in place, if any: ``+=``, ``.append()``, ``[0] =``."""
    if isinstance(node, ast.AugAssign):
        goal: ast.AST = node.target
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        goal = node.func.value
    elif isinstance(node, ast.Subscript) and not isinstance(node.ctx, ast.Load):
        goal = node.value
    else:
        return None
    found = isinstance(goal, ast.Attribute) and goal.attr in _ATTRIBUTES
    return ast.unparse(goal) if found else None


def _literals(module: ast.Module) -> Iterator[tuple[str, ast.expr]]:
    """Names that the file sets just once."""
    stored = Counter(
        node.id
        for node in ast.walk(module)
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
    )
    for node in module.body:
        if isinstance(node, ast.Assign) and len(node.targets) == 1:
            goal = node.targets[0]
            if isinstance(goal, ast.Name) and stored[goal.id] == 1:
                yield goal.id, node.value


_COMPUTED = object()


def _literal(node: ast.expr) -> Any:
    """The value in JSON's types, or `_COMPUTED`."""
    try:
        return _plain(ast.literal_eval(node))
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return _COMPUTED


def _plain(written: Any) -> Any:
    match written:
        case dict():
            return {str(key): _plain(entry) for key, entry in written.items()}
        case list() | tuple():
            return [_plain(entry) for entry in written]
        case None | bool() | int() | float() | str():
            return written
        case _:
            raise TypeError(written)


def _allowed(written: Any, told: str, where: Position, doing: str) -> dict[str, str]:
    if isinstance(written, list):
        written = {image: image for image in written if isinstance(image, str)}
    if not isinstance(written, dict) or not all(isinstance(i, str) for i in written.values()):
        raise InputError(
            f"{doing}: {told} is neither a list of images nor a mapping of names to images",
            where=where,
        )
    return written


def _default_image(module: ast.Module) -> str | None:
    for node in module.body:
        if isinstance(node, ast.Assign) and isinstance(goal := node.targets[0], ast.Attribute):
            holder = goal.value
            spawner = isinstance(holder, ast.Attribute) and "Spawner" in holder.attr
            if goal.attr == "image" and spawner:
                written = _literal(node.value)
                return written if isinstance(written, str) else None
    return None
