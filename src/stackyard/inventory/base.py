"""What an image in the store tells about its Python, worked out once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from stackyard.inventory.facts import BaseDist, PythonFacts, Scheme
from stackyard.inventory.filesystem import read_files
from stackyard.inventory.python import python_facts
from stackyard.oci.descriptor import Descriptor
from stackyard.oci.image import read_image
from stackyard.oci.store import Store

_KIND = "python-facts-1"  # another number when facts of the same image come out otherwise
_NONE = {"version": None}  # remembered of an image without a Python


def base_facts(store: Store, manifest: Descriptor) -> PythonFacts | None:
    """The Python of an image, None when it has none; free from the second time on.

    Args:
        store: has the image.
        manifest: the image.

    Raises:
        InputError: the image is broken.
        OutsideError: a blob is missing or damaged.
    """
    known = store.recall(_KIND, manifest.digest)
    if known == _NONE:
        return None
    facts = _from_json(known) if known else None
    if facts is None:
        image = read_image(store, manifest)
        facts = python_facts(read_files(store, image.layers), image.config.env.get("PATH"))
        store.remember(_KIND, manifest.digest, asdict(facts) if facts else _NONE)
    return facts


def _from_json(value: Mapping[str, Any]) -> PythonFacts | None:
    """What `base_facts` remembered; None when the record is not one."""
    try:
        return PythonFacts(
            version=str(value["version"]),
            interpreter=str(value["interpreter"]),
            scheme=Scheme(**value["scheme"]),
            glibc=value["glibc"],
            dists=tuple(
                BaseDist(dist["name"], dist["version"], tuple(dist["requires"]))
                for dist in value["dists"]
            ),
        )
    except (KeyError, TypeError):
        return None
