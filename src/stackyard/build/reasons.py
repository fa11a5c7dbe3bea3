"""Why a step is built, in the stack file's words."""

from __future__ import annotations

from collections.abc import Mapping

_SHOWN = 4


def changes(before: Mapping[str, str], now: Mapping[str, str]) -> str:
    """What differs between the facts of a step then and now.

    Returns:
        Such as ``pandas 2.3.2 → 2.3.3, + pyarrow 22.0, - fastparquet``; empty when
        nothing differs. Values that are hashes are told as ``changed``.
    """
    told = [
        *(
            _moved(name, before[name], now[name])
            for name in sorted(before.keys() & now.keys())
            if before[name] != now[name]
        ),
        *(f"+ {_with_value(name, now[name])}" for name in sorted(now.keys() - before.keys())),
        *(f"- {name}" for name in sorted(before.keys() - now.keys())),
    ]
    if len(told) > _SHOWN + 1:
        told = [*told[:_SHOWN], f"and {len(told) - _SHOWN} more"]
    return ", ".join(told)


def _is_opaque(value: str) -> bool:
    return len(value.removeprefix("sha256:")) >= 64


def _moved(name: str, before: str, now: str) -> str:
    if _is_opaque(before) or _is_opaque(now):
        return f"{name} changed"
    return f"{name} {before} → {now}"


def _with_value(name: str, value: str) -> str:
    return name if not value or _is_opaque(value) else f"{name} {value}"
