"""The single values of the stack file, as pydantic types.

A model is validated from nodes: mappings and lists as such, each scalar as a
`ScalarNode`. The types here take what YAML or a rendered template gave (always
text) and say in one sentence what they expected. Their JSON Schema also allows
a template wherever a number, a boolean or a fixed word is expected.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import (
    BeforeValidator,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    WithJsonSchema,
)
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from stackyard.stack.document import ScalarNode, describe, plain

NAME = r"[a-z0-9]+([._-][a-z0-9]+)*"
LABEL = r"[a-z0-9]+(-[a-z0-9]+)*"
TEMPLATE_SCHEMA: dict[str, Any] = {
    "type": "string",
    "pattern": r"\{[{%]",
    "description": "a template",
}
WHEN_SCHEMA: dict[str, Any] = {
    "type": ["string", "boolean"],
    "description": "A Jinja expression; the item is left out where it is not true.",
}

_NAME = re.compile(NAME)
_LABEL = re.compile(LABEL)
_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_RESERVED = frozenset(
    {
        "and",
        "else",
        "false",
        "False",
        "if",
        "in",
        "is",
        "layer",
        "image",
        "loop",
        "none",
        "None",
        "not",
        "or",
        "parent",
        "range",
        "self",
        "true",
        "True",
        "variant",
    }
)
_SCALAR = ["string", "number", "boolean"]


def refuse(found: Any, expected: str) -> PydanticCustomError:
    """The error of a value that is not what was expected."""
    told = describe(found) if not isinstance(found, str) else repr(found)
    return PydanticCustomError(
        "refused", "found {found}, expected {expected}", {"found": told, "expected": expected}
    )


def scalar(expected: str, read: Callable[[str], Any], schema: dict[str, Any]) -> Any:
    """A pydantic type that reads the text of a scalar.

    Args:
        expected: what messages say.
        read: text to value; ValueError when it is not what was expected.
        schema: its JSON Schema.
    """

    def validate(node: Any) -> Any:
        if not isinstance(node, ScalarNode) or node.value is None or "\0" in node.text:
            raise refuse(node, expected)
        try:
            return read(node.text)
        except ValueError:
            raise refuse(node, expected) from None

    return (BeforeValidator(validate), WithJsonSchema(schema))


def matching(pattern: str, most: int = 255) -> Callable[[str], str]:
    """A reader of text that a pattern matches whole."""
    compiled = re.compile(pattern)

    def read(text: str) -> str:
        if len(text) > most or not compiled.fullmatch(text):
            raise ValueError(text)
        return text

    return read


def whole(least: int, most: int) -> Callable[[str], int]:
    """A reader of whole numbers in a range."""

    def read(text: str) -> int:
        if not re.fullmatch(r"-?[0-9]{1,19}", text.strip()) or not least <= int(text) <= most:
            raise ValueError(text)
        return int(text)

    return read


def whole_schema(least: int, most: int) -> dict[str, Any]:
    """JSON Schema of a whole number, or a template of one."""
    number = {"type": "integer", "minimum": least, "maximum": most}
    return {"anyOf": [number, {"type": "string", "pattern": r"^\d+$|\{[{%]"}]}


def _boolean(text: str) -> bool:
    word = text.strip().lower()
    if word not in {"true", "false"}:
        raise ValueError(text)
    return word == "true"


def _words(text: str) -> str:
    if not text.strip():
        raise ValueError(text)
    return text


def _name_key(key: str) -> str:
    if len(key) > 63 or not _NAME.fullmatch(key):
        expected = "a name of lower-case letters and digits with single . _ - between, at most 63"
        raise refuse(key, expected)
    return key


def label_key(key: str) -> str:
    """The key, if Kubernetes and the spawn form take it as a part of their names."""
    if len(key) > 63 or not _LABEL.fullmatch(key):
        raise refuse(key, "lower-case letters and digits with single - between, at most 63")
    return key


def _variable_key(key: str) -> str:
    if not _IDENTIFIER.fullmatch(key) or key in _RESERVED:
        raise refuse(key, "a variable's name: letters, digits and _, and no word of Jinja's")
    return key


def _environment_key(key: str) -> str:
    if not key or re.search(r"[=\s\0]", key):
        raise refuse(key, "an environment variable's name, without = or spaces")
    return key


def _argument_key(key: str) -> str:
    if len(key) > 255 or not _IDENTIFIER.fullmatch(key):
        raise refuse(key, "a build argument's name: letters, digits and _")
    return key


def _label_key(key: str) -> str:
    if not key or re.search(r"[\s\0]", key):
        raise refuse(key, "a label's name, without spaces")
    return key


UID_MAX = 2**31 - 1

Text = Annotated[str, *scalar("text", str, {"type": _SCALAR})]
Words = Annotated[str, *scalar("text that is not empty", _words, {"type": _SCALAR})]
Boolean = Annotated[
    bool,
    *scalar("true or false", _boolean, {"anyOf": [{"type": "boolean"}, TEMPLATE_SCHEMA]}),
]
Uid = Annotated[
    int,
    *scalar(f"a whole number from 0 to {UID_MAX}", whole(0, UID_MAX), whole_schema(0, UID_MAX)),
]
Name = Annotated[
    str,
    BeforeValidator(_name_key),
    WithJsonSchema({"type": "string", "pattern": f"^{NAME}$", "maxLength": 63}),
]
VariableName = Annotated[
    str,
    BeforeValidator(_variable_key),
    WithJsonSchema({"type": "string", "pattern": f"^{_IDENTIFIER.pattern}$"}),
]
EnvironmentName = Annotated[
    str,
    BeforeValidator(_environment_key),
    WithJsonSchema({"type": "string", "pattern": r"^[^=\s]+$"}),
]
ArgumentName = Annotated[
    str,
    BeforeValidator(_argument_key),
    WithJsonSchema({"type": "string", "pattern": f"^{_IDENTIFIER.pattern}$"}),
]
LabelName = Annotated[
    str, BeforeValidator(_label_key), WithJsonSchema({"type": "string", "pattern": r"^\S+$"})
]


def _free(node: Any) -> Any:
    if isinstance(node, dict):
        return {key: _free(value) for key, value in node.items()}
    if isinstance(node, list):
        return [_free(item) for item in node]
    return plain(node)


Free = Annotated[Any, BeforeValidator(_free)]
"""Anything at all, as YAML types it."""


@dataclass(frozen=True, slots=True)
class Conditional:
    """Marks a list whose items may have a ``when:``; for the JSON Schema only.

    Conditions are decided before the models see the list.

    Attributes:
        single: one value may stand for a list of one.
    """

    single: bool = False

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        """The list's schema, with conditional items added."""
        made = handler(schema)
        item = made["items"]
        value = {"anyOf": [item, {"type": "array", "items": item}]}
        conditional = {
            "type": "object",
            "properties": {"when": WHEN_SCHEMA, "value": value},
            "required": ["when", "value"],
            "additionalProperties": False,
        }
        made["items"] = {"anyOf": [item, conditional]}
        return {"anyOf": [item, made]} if self.single else made


@dataclass(frozen=True, slots=True)
class Emptiable:
    """Marks a mapping of which only the key may be written, which means an empty one."""

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        """Reads nothing as an empty mapping."""
        return core_schema.no_info_before_validator_function(_empty, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        """The mapping's schema, or null."""
        return {**handler(schema), "type": ["object", "null"]}


@dataclass(frozen=True, slots=True)
class Removable:
    """Marks an entry that null takes out; for the JSON Schema only.

    It is taken out before the models see it.
    """

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        """The entry's schema, or null."""
        return {"anyOf": [handler(schema), {"type": "null", "description": "Takes it out."}]}


def _empty(node: Any) -> Any:
    return {} if isinstance(node, ScalarNode) and node.value is None else node


def one_or_many(node: Any) -> Any:
    """A single value where a list is meant."""
    return [node] if isinstance(node, ScalarNode) and node.value is not None else node


def shell_form(*before: str) -> BeforeValidator:
    """A command that is one text runs in a shell; a list is run as it is."""

    def validate(node: Any) -> Any:
        if not isinstance(node, ScalarNode) or node.value is None:
            return node
        return [*(ScalarNode(node.where, word, word) for word in before), node]

    return BeforeValidator(validate)
