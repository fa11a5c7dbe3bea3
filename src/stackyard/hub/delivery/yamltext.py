"""YAML that every reader takes for the same, whether it knows YAML 1.1 or 1.2."""

from __future__ import annotations

import io
import re
from collections.abc import Mapping, Sequence
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap
from ruamel.yaml.error import CommentMark
from ruamel.yaml.representer import RoundTripRepresenter
from ruamel.yaml.scalarstring import DoubleQuotedScalarString, LiteralScalarString
from ruamel.yaml.tokens import CommentToken

from stackyard.hub.delivery.comments import one_line
from stackyard.hub.visible import escaped

_PLAIN_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_./-]*")
_WORDS = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null"})

Path = tuple[str | int, ...]
"""The keys that lead to a value."""


def dump(document: Any, comments: Mapping[Path, str] | None = None) -> str:
    """The document, texts in quotes and each on one line.

    Args:
        document: of JSON's types, and block scalars.
        comments: told at the end of the lines where these paths stand.
    """
    yaml = YAML()
    yaml.Representer = _Representer
    yaml.width = 1 << 30
    yaml.indent(mapping=2, sequence=4, offset=2)
    stream = io.StringIO()
    yaml.dump(_quoted(document, comments or {}, ()), stream)
    return escaped(stream.getvalue())


class _Representer(RoundTripRepresenter):
    """Writes numbers so that readers of YAML 1.1 take them for numbers, too."""

    def represent_float(self, data: float) -> Any:
        """With a decimal point, also before an exponent."""
        mantissa, exponent, power = repr(data).partition("e")
        point = "" if "." in mantissa else ".0"
        return self.represent_scalar(
            "tag:yaml.org,2002:float", f"{mantissa}{point}{exponent}{power}"
        )


_Representer.add_representer(float, _Representer.represent_float)


def block(text: str) -> str:
    """A text that shall stand line by line as it is."""
    made: str = LiteralScalarString(text)
    return made


def _quoted(value: Any, comments: Mapping[Path, str], path: Path) -> Any:
    match value:
        case Mapping():
            made = CommentedMap()
            for key, entry in value.items():
                below = (*path, key)
                made[_quoted_key(key)] = _quoted(entry, comments, below)
                if below in comments:
                    told = CommentToken(f" # {one_line(comments[below])}", CommentMark(0))
                    made.ca.items[_quoted_key(key)] = [None, None, told, None]
            return made
        case LiteralScalarString():
            return value
        case str():
            return DoubleQuotedScalarString(value)
        case Sequence():
            return [_quoted(entry, comments, (*path, n)) for n, entry in enumerate(value)]
        case _:
            return value


def _quoted_key(key: str) -> str:
    plain = _PLAIN_KEY.fullmatch(key) and key.lower() not in _WORDS
    return key if plain else DoubleQuotedScalarString(key)
