"""What a Containerfile changed of an image's configuration, as a small document.

So that it can be said again of another configuration: an image's is put together
from what each of its layers says, from the bottom.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from stackyard.oci.image import RuntimeConfig

_BY_NAME = ("Env", "Labels")


def settings_between(before: RuntimeConfig, after: RuntimeConfig) -> dict[str, Any]:
    """What is another in *after*, by docker's names; None for what is no longer there.

    Environment and labels are told variable by variable; they can only be added to. With
    another entrypoint goes the command, also where it is the same: a new entrypoint takes
    away what is below it.
    """
    old, new = _document(before), _document(after)
    changed = {name for name in old | new if old.get(name) != new.get(name)}
    if "Entrypoint" in changed:
        changed.add("Cmd")
    return {name: _change(name, old, new) for name in sorted(changed)}


def with_settings(config: RuntimeConfig, settings: Mapping[str, Any]) -> RuntimeConfig:
    """*config* with what `settings_between` told."""
    document = _document(config)
    for name, value in settings.items():
        document[name] = {**(document.get(name) or {}), **value} if name in _BY_NAME else value
    document["Env"] = [f"{key}={value}" for key, value in (document.get("Env") or {}).items()]
    return RuntimeConfig.from_json(document)


def _document(config: RuntimeConfig) -> dict[str, Any]:
    # Nothing and an empty list are the same here: engines do not tell them apart.
    config = replace(config, entrypoint=config.entrypoint or None, cmd=config.cmd or None)
    document = config.to_json()
    if "Env" in document:
        document["Env"] = dict(config.env)
    return document


def _change(name: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> Any:
    if name not in _BY_NAME:
        return new.get(name)
    before = old.get(name) or {}
    return {key: value for key, value in (new.get(name) or {}).items() if before.get(key) != value}
