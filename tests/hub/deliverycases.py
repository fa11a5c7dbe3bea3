"""Lists with every trap in them, and readers of what is delivered."""

from __future__ import annotations

import copy
import sys
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from hubcases import published, reference, stack
from jsonschema import Draft7Validator
from ruamel.yaml import YAML

from stackyard.hub.profiles import Offer, offers
from stackyard.stack.values import Choice, Profile, ProfileOption, Stack, UnlistedChoice

# The real tests' docker daemon and registry.
sys.path.append(str(Path(__file__).parents[1] / "real"))

TEXTS = (
    "\N{SNAKE} Geo \N{FAMILY} \N{MAN}\N{ZERO WIDTH JOINER}\N{WOMAN}",
    'it\'s "quoted" and \\escaped\\',
    "two\nlines\r\nand\ttabs\u2028and\u0085more",
    "# no comment",
    "--- no document",
    "x" * 300,
    "on",
    "1e3",
    "2024.1",
    "12:30:45",
    "~",
    "- [a, {b: c}]",
    "&anchor *alias !tag %directive @at `tick",
    "<b>R&D</b> &lt; &amp;copy &copy; ${HOME} {{ here }} {%x%} {}",
    "\u0441\u0442\u0435\u043a \u05e9\u05dc\u05d5\u05dd \u202eesrever\u202c \ufeff",
    "'''\n\"\"\"\n)]}",
    "coding: rot13",
    " trailing and leading ",
)

RESOURCES = ProfileOption(
    "Resources: # all",
    {
        "small": Choice("yes", kubespawner_override={"mem_limit": "2G"}),
        "large": Choice("1e3", default=True, kubespawner_override={"mem_limit": "8G"}),
    },
)
OWN_IMAGE = ProfileOption(
    unlisted_choice=UnlistedChoice(
        "Other image", "Other\u2026", "^[a-z/:.]+$", "a name", {"image": "{value}"}
    )
)


def nasty() -> Stack:
    """Every text as a name, a description, a key and a value."""
    images: dict[str, dict[str, Profile | None]] = {
        f"i{number}": {
            "py311": Profile(
                text,
                text,
                kubespawner_override={
                    "environment": {text: text},
                    "extra_labels": {text: text},
                    "cpu_limit": 1.5,
                },
            )
        }
        for number, text in enumerate(TEXTS)
    }
    images["yes"] = {
        "1.0": Profile("Options", default=True, profile_options={"resources": RESOURCES}),
        "no": Profile("Options", profile_options={"resources": RESOURCES, "image": OWN_IMAGE}),
    }
    images["typed"] = {"no": Profile("Typed", profile_options={"image": OWN_IMAGE})}
    return stack(images)


def offered(of: Stack, *, by: str = "digest") -> tuple[Offer, ...]:
    """The stack's profiles, everything as if just pushed."""
    entries = published(of)
    if by == "tag":
        entries = [
            type(e)(e.image, e.variant, e.reference.partition("@")[0], e.earlier) for e in entries
        ]
    return offers(of, entries)


def the_list(of: Stack, *, by: str = "digest") -> list[Mapping[str, Any]]:
    return [offer.profile for offer in offered(of, by=by)]


NASTY = nasty()
__all__ = ["NASTY", "TEXTS", "chart_problems", "offered", "read", "reference", "the_list"]


def read(text: str) -> Any:
    """What the text holds, for readers of YAML 1.1 and of 1.2 alike."""
    document = YAML(typ="safe", pure=True).load(text)
    assert yaml.safe_load(text) == document
    return document


@cache
def _schema() -> Draft7Validator:
    text = (Path(__file__).parent / "z2jh-values.schema.yaml").read_text()
    schema = copy.deepcopy(YAML(typ="safe", pure=True).load(text))
    assert schema["$schema"] == "http://json-schema.org/draft-07/schema#"
    Draft7Validator.check_schema(schema)
    return Draft7Validator(_merged(schema))


def _merged(schema: Any) -> Any:
    """The schema of values that helm merges into the chart's own: those have what is required."""
    made = {name: value for name, value in schema.items() if name != "required"}
    if "properties" in made:
        made["properties"] = {key: _merged(value) for key, value in made["properties"].items()}
    return made


def chart_problems(values: Any) -> list[str]:
    """What the chart's schema says against the values."""
    return [error.message for error in _schema().iter_errors(values)]
