"""The kinds of values that the stack file has, as pydantic types."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator

from stackyard.stack.leaf import (
    TEMPLATE_SCHEMA,
    Conditional,
    LabelName,
    Text,
    Words,
    matching,
    one_or_many,
    scalar,
    shell_form,
    whole,
    whole_schema,
)
from stackyard.stack.notation import (
    CACHE,
    MODE,
    OWNER,
    SNAPSHOT,
    read_cache,
    read_duration,
    read_mode,
    read_owner,
    read_snapshot,
)
from stackyard.stack.packages import EXPECTED, PACKAGE

PLATFORMS = ("linux/amd64", "linux/arm64")
SUITES = ("bullseye", "bookworm", "trixie")
REGISTRY = r"[A-Za-z0-9.-]+(:[0-9]{1,5})?(/[a-z0-9]+((\.|_{1,2}|-+)[a-z0-9]+)*)*"
_SLUG = r"(?!.*--)[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
_MOUNT_ID = r"[A-Za-z0-9][A-Za-z0-9_.-]{0,62}"
_ACCOUNT = r"[a-z_][a-z0-9_-]{0,31}"


def _worded(pattern: str) -> dict[str, Any]:
    return {"anyOf": [{"type": "string", "pattern": f"^({pattern})$"}, TEMPLATE_SCHEMA]}


def _one_of(words: tuple[str, ...]) -> dict[str, Any]:
    return {"anyOf": [{"enum": list(words)}, TEMPLATE_SCHEMA]}


def _chosen(expected: str, words: tuple[str, ...]) -> Any:
    return scalar(expected, matching("|".join(words)), _one_of(words))


OneOrMany = Annotated[list[Words], Conditional(single=True), BeforeValidator(one_or_many)]
Command = Annotated[list[Text], Conditional(single=True), shell_form("/bin/sh", "-c")]
Labels = dict[LabelName, Text]
Duration = Annotated[
    float,
    *scalar(
        "a duration of at most a day, such as 30s or 1m30s",
        read_duration,
        {"type": ["string", "number"]},
    ),
]
Retries = Annotated[
    int, *scalar("a whole number from 0 to 1000", whole(0, 1000), whole_schema(0, 1000))
]
Account = Annotated[
    str,
    *scalar(
        "an account's name: a-z, 0-9, _ and -, at most 32 characters",
        matching(_ACCOUNT),
        _worded(_ACCOUNT),
    ),
]
Mode = Annotated[
    int,
    *scalar(
        'permissions in octal digits, such as "0644"',
        read_mode,
        {"anyOf": [_worded(MODE), {"type": "integer"}]},
    ),
]
Owner = Annotated[
    tuple[int, int],
    *scalar('numeric ids as "uid:gid", such as "1000:100"', read_owner, _worded(OWNER)),
]
Suite = Annotated[str, *_chosen(f"one of {', '.join(SUITES)}", SUITES)]
Snapshot = Annotated[
    str,
    *scalar(
        "a time such as 20260115T000000Z, or a date such as 2026-01-15",
        read_snapshot,
        _worded(SNAPSHOT),
    ),
]
Platform = Annotated[str, *_chosen(" or ".join(PLATFORMS), PLATFORMS)]
Slug = Annotated[
    str,
    *scalar("lower-case letters, digits and single -, at most 63", matching(_SLUG), _worded(_SLUG)),
]
VariantsAs = Annotated[
    Literal["choices", "profiles"], *_chosen("choices or profiles", ("choices", "profiles"))
]
PreviousVersions = Annotated[
    int, *scalar("a whole number from 0 to 50", whole(0, 50), whole_schema(0, 50))
]
Registry = Annotated[
    str,
    *scalar(
        "a registry and a path without https://, such as ghcr.io/acme/hub",
        matching(REGISTRY),
        _worded(REGISTRY),
    ),
]
Budget = Annotated[
    int, *scalar("a whole number from 5 to 120", whole(5, 120), whole_schema(5, 120))
]
Templated = Annotated[list[Words], BeforeValidator(one_or_many)]
Platforms = Annotated[list[Platform], Conditional(single=True), BeforeValidator(one_or_many)]
Package = Annotated[str, *scalar(EXPECTED, matching(PACKAGE), _worded(PACKAGE))]
Packages = Annotated[list[Package], Conditional(single=True), BeforeValidator(one_or_many)]
Cache = Annotated[
    str,
    *scalar(
        "an absolute path such as /var/cache, without '..', spaces or quotes,"
        " and not in /proc, /sys or /dev",
        read_cache,
        _worded(CACHE),
    ),
]
Caches = Annotated[list[Cache], Conditional(single=True), BeforeValidator(one_or_many)]
Secret = Annotated[
    str,
    *scalar(
        "a secret's name: letters, digits, _, . and -, at most 63",
        matching(_MOUNT_ID),
        _worded(_MOUNT_ID),
    ),
]
Secrets = Annotated[list[Secret], Conditional(single=True), BeforeValidator(one_or_many)]
Test = Annotated[list[Text], Conditional(single=True), shell_form("CMD-SHELL")]
