"""The one profile list in a file."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path

from stackyard.errors import InputError, Position
from stackyard.hub.deployed.found import Found
from stackyard.hub.deployed.pythonfile import looks_like_python, python_lists
from stackyard.hub.deployed.search import Search, describe
from stackyard.hub.deployed.source import name_of, read_text
from stackyard.hub.documents.jsontree import parse_json
from stackyard.hub.documents.yamlreader import parse

_DOING = "reading the profile list"
_HELM = re.compile(r"\A\ufeff?(USER-SUPPLIED|COMPUTED) VALUES:[ \t]*(?=\r?\n|\Z)")
_EXPECTED = (
    "expected is what `stackyard profiles`, `helm get values` or `kubectl get configmap -o yaml` "
    "write, a HelmRelease, a part of jupyterhub_config.py, or a bare list; "
    "/dev/null is a hub without one"
)


def read_list(path: Path) -> Found:
    """The profile list of a file in any of the forms in which hubs have it.

    Args:
        path: the file; ``-`` is standard input, ``/dev/null`` a hub without a list.

    Raises:
        InputError: no list in it, or several that differ; or no file that can be read.
        OutsideError: the file cannot be read.
    """
    if str(path) == os.devnull:
        return Found((), "no list", Position(str(path)))
    return find_list(read_text(path, _DOING), name_of(path))


def find_list(text: str, name: str) -> Found:
    """The profile list in a text.

    Args:
        text: YAML, JSON, or Python.
        name: what messages call it; a name that ends in ``.py`` is Python.

    Raises:
        InputError: no list in it, or several that differ.
    """
    if name.endswith(".py") or looks_like_python(text):
        return _only(python_lists(text, name, _DOING), name, "no c.KubeSpawner.profile_list")
    tree = parse_json(text, name, _DOING) or parse(_HELM.sub("", text), name, _DOING)
    return _only(Search(tree, _DOING).lists(), name, describe(tree))


def _only(found: Sequence[Found], name: str, instead: str) -> Found:
    if not found:
        raise InputError(
            f"{_DOING}: there is none; found: {instead}", where=Position(name), hint=_EXPECTED
        )
    first, *others = found
    if any(other.profiles != first.profiles for other in others):
        told = "; ".join(f"{each.what} (line {each.where.line})" for each in found[:6])
        raise InputError(
            f"{_DOING}: there are {len(found)}: {told}",
            where=first.where,
            hint="give a file that has only the one that the hub takes",
        )
    return first
