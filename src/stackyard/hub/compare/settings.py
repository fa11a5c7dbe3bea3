"""What changes between two `kubespawner_override`s, or between a profile's effective settings."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from stackyard.hub.compare.change import Effect, Text
from stackyard.hub.compare.excerpt import excerpts
from stackyard.hub.compare.images import image_change
from stackyard.hub.compare.secrets import HIDDEN, is_secret, masked, printed
from stackyard.hub.compare.seen import UNSET
from stackyard.hub.visible import visible

_WORDS = {
    "image": "image",
    "mem_limit": "memory limit",
    "mem_guarantee": "guaranteed memory",
    "cpu_limit": "CPU limit",
    "cpu_guarantee": "guaranteed CPU",
    "extra_resource_limits": "limits of other resources",
    "extra_resource_guarantees": "guarantees of other resources",
    "default_url": "start page",
    "notebook_dir": "folder that is opened",
    "working_dir": "working directory",
    "cmd": "command",
    "args": "arguments of the command",
    "start_timeout": "seconds that a start may take",
    "http_timeout": "seconds until the server must answer",
    "node_selector": "nodes that it runs on",
    "tolerations": "node taints that it tolerates",
    "volumes": "volumes",
    "volume_mounts": "mounted volumes",
    "storage_capacity": "size of the home volume",
    "image_pull_policy": "pull policy of the image",
    "image_pull_secrets": "pull secrets of the image",
    "uid": "user id",
    "gid": "group id",
}
_LIMITS = frozenset({"mem_limit", "mem_guarantee", "cpu_limit", "cpu_guarantee"})
_BYTES = re.compile(r"(-?[0-9]+(?:\.[0-9]+)?)([KMGT])")
_FACTORS = {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}
_NOT_SET = "not set here"


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting that changes; the attributes are those of a `Change`."""

    effect: Effect
    kind: str
    text: Text
    before: Any
    after: Any


def setting_change(name: str, before: Any, after: Any) -> Iterator[Setting]:
    """What users notice of one setting's change, if anything.

    Args:
        name: KubeSpawner's trait.
        before: its value, or `UNSET`.
        after: likewise.
    """
    if _same(name, before, after):
        return
    if name == "image" and isinstance(before, str) and isinstance(after, str):
        if found := image_change(before, after):
            effect, text = found
            kind = "reference" if effect is Effect.UNSEEN else "image"
            yield Setting(effect, kind, text, visible(before, 400), visible(after, 400))
    elif name == "environment" and all(map(_is_mapping, (before, after))):
        yield from _environment(_mapping(before), _mapping(after))
    else:
        label, parts = (_WORDS[name], ()) if name in _WORDS else ("{}", (visible(name),))
        kind = "image" if name == "image" else "setting"
        yield _told(_effect(name, before, after), kind, label, parts, before, after)


def _told(
    effect: Effect, kind: str, label: str, parts: tuple[str, ...], before: Any, after: Any
) -> Setting:
    one, other = (_NOT_SET if v is UNSET else _printed(parts, v) for v in (before, after))
    shown = excerpts(one, other)
    if one == other:
        text = Text(f"{label} changed; the values are not shown", parts)
    else:
        words = ["{}" if v is not UNSET else _NOT_SET for v in (before, after)]
        given = tuple(s for s, v in zip(shown, (before, after), strict=True) if v is not UNSET)
        text = Text(f"{label}: {words[0]} → {words[1]}", (*parts, *given))
    return Setting(effect, kind, text, *(_safe(parts, value) for value in (before, after)))


def _printed(names: tuple[str, ...], value: Any) -> str:
    return HIDDEN if any(map(is_secret, names)) else printed(value)


def _safe(names: tuple[str, ...], value: Any) -> Any:
    if value is UNSET:
        return None
    return HIDDEN if any(map(is_secret, names)) else masked(value)


def _environment(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[Setting]:
    for name in dict.fromkeys([*before, *after]):
        one, other = _undoubled(before.get(name, UNSET)), _undoubled(after.get(name, UNSET))
        if one != other:
            label = "environment variable {}"
            yield _told(Effect.CHANGED, "environment", label, (visible(name),), one, other)


def _undoubled(value: Any) -> Any:
    """KubeSpawner fills in ``{…}`` and makes one brace of two."""
    if not isinstance(value, str):
        return value
    return value.replace("{{", "{").replace("}}", "}")


def _effect(name: str, before: Any, after: Any) -> Effect:
    one, other = _amount(before), _amount(after)
    if name in _LIMITS and one is not None and other is not None and other < one:
        return Effect.LOST
    return Effect.CHANGED


def _same(name: str, before: Any, after: Any) -> bool:
    if name in _LIMITS and (one := _amount(before)) is not None:
        return one == _amount(after)
    return isinstance(before, bool) == isinstance(after, bool) and bool(before == after)


def _amount(value: Any) -> float | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return float(value)
    if isinstance(value, str) and (found := _BYTES.fullmatch(value)):
        return float(found[1]) * _FACTORS[found[2]]
    return None


def _is_mapping(value: Any) -> bool:
    return value is UNSET or isinstance(value, Mapping)


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
