"""Values that look secret, left out of what is printed."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from stackyard.hub.visible import visible

HIDDEN = "(not shown)"
_NAME = re.compile(r"TOKEN|PASS|SECRET|KEY|CREDENTIAL|AUTH|COOKIE|PRIVATE|DSN", re.IGNORECASE)
_IN_ADDRESS = re.compile(r"(://)[^/@\s]+@")
_IN_ARGUMENT = re.compile(r"(?<![\w.-])([\w.-]+)(\s*[=:]\s*)\S+")


def is_secret(name: str) -> bool:
    """Whether a value of this name is not to be printed."""
    return bool(_NAME.search(name))


def masked(value: Any) -> Any:
    """The value, of JSON's types, with `HIDDEN` wherever something looks secret."""
    match value:
        case str():
            return _IN_ARGUMENT.sub(_argument, _IN_ADDRESS.sub(rf"\1{HIDDEN}@", value))
        case Mapping():
            named = value.get("name")
            return {
                str(key): HIDDEN
                if _hides(str(key), entry) or (key == "value" and is_secret(str(named)))
                else masked(entry)
                for key, entry in value.items()
            }
        case Sequence():
            return [
                HIDDEN if _follows_flag(value, index) else masked(entry)
                for index, entry in enumerate(value)
            ]
        case _:
            return value


def printed(value: Any) -> str:
    """The masked value on one line: texts as they are, the rest as JSON."""
    safe = masked(value)
    text = safe if isinstance(safe, str) else json.dumps(safe, ensure_ascii=False)
    return visible(text, None)


def _argument(found: re.Match[str]) -> str:
    return f"{found[1]}{found[2]}{HIDDEN}" if is_secret(found[1]) else found[0]


def _hides(key: str, entry: Any) -> bool:
    """A name that looks secret hides a value, and no tree of further names (`secretKeyRef`)."""
    return is_secret(key) and not isinstance(entry, Mapping | bool | None)


def _follows_flag(values: Sequence[Any], index: int) -> bool:
    """Whether this is the value of an argument before it, such as ``--token``."""
    before = values[index - 1] if index else None
    return (
        isinstance(before, str)
        and before.startswith("-")
        and "=" not in before
        and is_secret(before)
    )
