"""What templates can do with values, each operation bounded in size.

No text grows beyond `MAX_TEXT`, no whole number beyond `MAX_BITS`, no list
beyond `MAX_ITEMS`; a list or mapping is never written out as text, so nested
ones cannot multiply. Everything else here takes time linear in what it gets.
"""

from __future__ import annotations

import operator
import re
import shlex
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from jinja2.exceptions import FilterArgumentError, SecurityError
from jinja2.filters import FILTERS as _JINJA
from jinja2.runtime import Undefined

MAX_TEXT = 1 << 15
MAX_BITS = 1 << 12
MAX_ITEMS = 10_000

_FORMAT = re.compile(
    r"%(?:\((?P<name>[^()%]*)\))?[-+ 0#]*(?P<width>\d{0,2})(?:\.\d{1,2})?(?P<as>.?)"
)


@dataclass(frozen=True, slots=True)
class Method:
    """A listed method of a value, until it is called."""

    value: Any
    name: str

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run it, within the bounds of the filter of the same name."""
        if self.name == "replace":
            return replace(self.value, *args, **kwargs)
        if self.name == "join":
            [items] = args
            return join(items, self.value)
        return getattr(self.value, self.name)(*args, **kwargs)


def text(value: Any) -> str:
    """A scalar as text, with YAML's words for true and false.

    Raises:
        UndefinedError: it is an undefined name.
        FilterArgumentError: it is null, a list, a mapping, or something else without a text.
        SecurityError: it is too long.
    """
    if isinstance(value, str):
        return _short(str(value))
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value)
    if isinstance(value, Undefined):
        return str(value)
    if value is None:
        raise FilterArgumentError("the value is null")
    if isinstance(value, Mapping | list | tuple):
        kind = "mapping" if isinstance(value, Mapping) else "list"
        raise FilterArgumentError(f"the value is a {kind}; use join, or an item of it")
    raise FilterArgumentError("the value is not text")


def limited_range(*args: int) -> range:
    """Python's range, of at most `MAX_ITEMS` numbers."""
    numbers = range(*args)
    if numbers[MAX_ITEMS : MAX_ITEMS + 1]:
        raise SecurityError(f"range() of more than {MAX_ITEMS} numbers")
    return numbers


def add(left: Any, right: Any) -> Any:
    """Bounded ``+``."""
    if isinstance(left, str) and isinstance(right, str):
        _sum(map(len, (left, right)))
    elif isinstance(left, list | tuple) and isinstance(right, list | tuple):
        _few(len(left) + len(right))
    return operator.add(left, right)


def multiply(left: Any, right: Any) -> Any:
    """Bounded ``*``: of numbers, or a text and a number."""
    for value, times in ((left, right), (right, left)):
        if isinstance(value, str) and isinstance(times, int):
            _sum([len(value) * max(times, 0)])
        elif not isinstance(value, str | int | float):
            raise FilterArgumentError("only numbers and text can be multiplied")
    if isinstance(left, int) and isinstance(right, int):
        _bits(left.bit_length() + right.bit_length())
    return operator.mul(left, right)


def power(left: Any, right: Any) -> Any:
    """Bounded ``**``."""
    if isinstance(left, int) and isinstance(right, int):
        _bits(left.bit_length() * abs(right))
    return operator.pow(left, right)


def modulo(left: Any, right: Any) -> Any:
    """Bounded ``%``: the rest of a division, or a text with ``%s`` filled in."""
    if not isinstance(left, str):
        return operator.mod(left, right)
    values = right if isinstance(right, tuple) else (right,)
    return format_text(left, *values)


def format_text(pattern: str, *args: Any, **kwargs: Any) -> str:
    """printf-style formatting of scalars, fields at most 99 wide."""
    for found in _FORMAT.finditer(pattern):
        if found["as"] not in set("%sdifgexXo"):
            raise SecurityError(f"the format {found[0]!r} is not available")
    if pattern.count("%") > 100:
        raise SecurityError("a format of more than 100 fields")
    if args and kwargs:
        raise FilterArgumentError("give values by place or by name, not both")
    given = [*args, *kwargs.values()]
    _sum(len(text(value)) for value in given)
    shown = tuple(v if isinstance(v, int | float) else text(v) for v in args)
    named = {k: v if isinstance(v, int | float) else text(v) for k, v in kwargs.items()}
    return _short(pattern % (named or shown))


def replace(value: Any, old: str, new: str, count: int = -1) -> str:
    """Bounded `str.replace`."""
    whole, new = text(value), text(new)
    _sum([len(whole), whole.count(old) * len(new)])
    return whole.replace(old, new, count)


def join(items: Iterable[Any], by: str = "") -> str:
    """Bounded join of scalars."""
    parts: list[str] = []
    length = 0
    for item in items:
        part = text(item)
        length += len(part) + len(by)
        _sum([length - len(by)])
        parts.append(part)
        _few(len(parts))
    return by.join(parts)


def quote(value: Any) -> str:
    """A scalar as one word of a shell."""
    return _short(shlex.quote(text(value)))


def concat(parts: list[Any]) -> str:
    """Bounded ``~``."""
    return join(parts)


def _list(items: Iterable[Any]) -> list[Any]:
    found: list[Any] = []
    for item in items:
        found.append(item)
        if len(found) > MAX_TEXT:
            _few(len(found))
    return found


def _round(value: float, digits: int = 0) -> float:
    if not -15 <= digits <= 15:
        raise SecurityError("round() to more than 15 digits")
    return round(float(value), digits)


def _short(value: str) -> str:
    _sum([len(value)])
    return value


def _sum(lengths: Iterable[int]) -> None:
    if sum(lengths) > MAX_TEXT:
        raise SecurityError(f"a text of more than {MAX_TEXT} characters")


def _few(count: int) -> None:
    if count > MAX_ITEMS:
        raise SecurityError(f"a list of more than {MAX_ITEMS} items")


def _bits(count: int) -> None:
    if count > MAX_BITS:
        raise SecurityError(f"a number of more than {MAX_BITS} bits")


def _on_text(run: Callable[[str], Any]) -> Callable[[Any], Any]:
    return lambda value: run(text(value))


METHODS: Mapping[type, frozenset[str]] = {
    str: frozenset(
        {
            "capitalize",
            "count",
            "endswith",
            "find",
            "isalnum",
            "isalpha",
            "isdigit",
            "islower",
            "isupper",
            "join",
            "lower",
            "lstrip",
            "removeprefix",
            "removesuffix",
            "replace",
            "rsplit",
            "rstrip",
            "split",
            "splitlines",
            "startswith",
            "strip",
            "title",
            "upper",
        }
    ),
    dict: frozenset({"get", "items", "keys", "values"}),
    list: frozenset({"count", "index"}),
    tuple: frozenset({"count", "index"}),
}

FILTERS: Mapping[str, Callable[..., Any]] = {
    **{
        name: _JINJA[name]
        for name in (
            "abs",
            "count",
            "d",
            "default",
            "dictsort",
            "first",
            "float",
            "int",
            "last",
            "length",
            "map",
            "max",
            "min",
            "reject",
            "rejectattr",
            "reverse",
            "select",
            "selectattr",
            "sort",
            "unique",
        )
    },
    "capitalize": _on_text(str.capitalize),
    "format": format_text,
    "join": lambda items, d="": join(items, text(d)),
    "list": _list,
    "lower": _on_text(str.lower),
    "quote": quote,
    "replace": replace,
    "round": _round,
    "string": text,
    "title": _on_text(str.title),
    "trim": lambda value, chars=None: text(value).strip(chars),
    "upper": _on_text(str.upper),
}
