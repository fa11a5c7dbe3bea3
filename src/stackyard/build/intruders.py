"""Engine steps that write where an image's packages go.

What is there comes from the lock alone: a step that puts something beside it would
change behind the lock's back what layers below and above have.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache

from stackyard.build.clashes import package_files
from stackyard.build.results import Made
from stackyard.build.steps import EngineStep, FinishStep, GroupStep, ImageStep
from stackyard.errors import InputError
from stackyard.inventory.tarstream import TarReader
from stackyard.oci.decompress import reader
from stackyard.oci.disk import disk
from stackyard.oci.store import Store
from stackyard.oci.tar import Kind

_HINT = (
    "ask for Python packages in `pip:`, so that the lock knows them; what changes packages"
    " that are there belongs into `finish:`"
)


def refuse_intruders(
    store: Store,
    image: ImageStep,
    groups: list[GroupStep],
    steps: Iterable[tuple[EngineStep, Made]],
) -> None:
    """Check that no step below the packages wrote what they bring, or beside it.

    Raises:
        InputError: naming the step, the path, and the package that is there.
    """
    below = [(step, made) for step, made in steps if not isinstance(step, FinishStep)]
    if not groups or not any(made.layers for _, made in below):
        return
    owners = {
        path: package for package, files in package_files(store, groups).items() for path in files
    }
    scheme = groups[0].python.scheme
    places = tuple({f"{scheme.purelib}/", f"{scheme.platlib}/"})
    for step, made in below:
        for layer in made.layers:
            for path in _paths(store, layer.descriptor.digest):
                if path in owners or (path.startswith(places) and not path.endswith(".pyc")):
                    raise _intruder(step, image, path, owners, places)


def _intruder(
    step: EngineStep,
    image: ImageStep,
    path: str,
    owners: Mapping[str, str],
    places: tuple[str, ...],
) -> InputError:
    owner = owners.get(path)
    if owner:
        told = f"/{path}, which {owner} brings to {image.target}"
    else:
        told = f"/{path}, where the packages of {image.target} go{_beside(path, owners, places)}"
    return InputError(f"layer {step.name}: {step.kind} writes {told}", hint=_HINT)


def _beside(path: str, owners: Mapping[str, str], places: tuple[str, ...]) -> str:
    """The package that has a path's folder, or its name."""
    place = next(place for place in places if path.startswith(place))
    top = path[len(place) :].split("/", maxsplit=1)[0]
    name = re.split(r"-[^-]*\.(?:dist|egg)-info$", top)[0]
    normal = re.sub(r"[-_.]+", "-", name).lower()
    for other, package in owners.items():
        if other.startswith(f"{place}{top}/") or package.split()[0] == normal:
            return f": {package} is there"
    return ""


@lru_cache(maxsize=512)
def _paths(store: Store, digest: str) -> tuple[str, ...]:
    """What a layer writes: no directories, and not what it removes."""
    with store.open_blob(digest) as blob, disk(f"reading layer {digest}"):
        return tuple(
            entry.name
            for entry in TarReader(reader(blob))
            if entry.kind is not Kind.DIRECTORY and "/.wh." not in f"/{entry.name}"
        )
