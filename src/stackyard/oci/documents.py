"""JSON documents of images, written to the byte and read with distrust."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from stackyard.errors import OutsideError
from stackyard.oci.descriptor import INDEX, Descriptor

REF_NAME = "org.opencontainers.image.ref.name"


def canonical(value: Any) -> bytes:
    """*value* as JSON: keys sorted, no spaces, so that equal values have equal digests."""
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


LAYOUT = canonical({"imageLayoutVersion": "1.0.0"})
"""The content of a layout's ``oci-layout``."""


def parse(data: bytes) -> dict[str, Any]:
    """Read a JSON object.

    Raises:
        ValueError: it is not one.
    """
    try:
        value = json.loads(data)
    except RecursionError as error:
        raise ValueError("JSON nested too deep") from error
    if not isinstance(value, dict):
        raise ValueError(f"expected a JSON object, found {type(value).__name__}")
    return value


def index_of(tags: Mapping[str, Descriptor], unnamed: Iterable[Descriptor] = ()) -> bytes:
    """An image layout's ``index.json`` that names *tags*, and lists others without a name."""
    manifests = [
        descriptor.to_json() | {"annotations": {**descriptor.annotations, REF_NAME: name}}
        for name, descriptor in sorted(tags.items())
    ]
    manifests += [descriptor.to_json() for descriptor in unnamed]
    return canonical({"schemaVersion": 2, "mediaType": INDEX, "manifests": manifests})


def tags_of(entries: Iterable[Descriptor]) -> dict[str, Descriptor]:
    """The names in an ``index.json``, sorted; entries without a name are left out."""
    found = {}
    for entry in entries:
        annotations = dict(entry.annotations)
        name = annotations.pop(REF_NAME, None)
        if name is not None:
            found[name] = replace(entry, annotations=annotations)
    return dict(sorted(found.items()))


def read_index(path: Path) -> list[Descriptor]:
    """The entries of an ``index.json``.

    Raises:
        OutsideError: it is damaged.
        OSError: it cannot be read.
    """
    try:
        return [Descriptor.from_json(value) for value in parse(path.read_bytes())["manifests"]]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise OutsideError(
            f"{path} is not the index of an image layout",
            hint="delete that file (only names are lost) and run again",
        ) from error
