"""The packages of an image: Debian's and Python's, with the layer that brings each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from stackyard.inventory.survey import Installed, PackageKind, Survey, survey
from stackyard.oci.image import StoredImage
from stackyard.oci.store import Store
from stackyard.oci.tar import Kind

_KIND = "contents-1"  # another number when contents of the same image come out otherwise


@dataclass(frozen=True, slots=True, order=True)
class Package:
    """A package that is in an image.

    Attributes:
        kind: ``deb`` or ``pypi``.
        name: of a Python package in normalised form.
        architecture: of a Debian package, in Debian's words; else empty.
        layer: index of the layer that brings it, from the bottom: the first since
            which its record has this version.
        size: bytes of the files that belong to it, not compressed; for a Debian
            package without a list of its files what dpkg estimates, for a Python
            package without one 0.
        license: what a Python package's metadata says; may be no SPDX expression.
        place: the folder that has a Python package, such as
            ``usr/local/lib/python3.11/dist-packages``; else empty.
    """

    kind: PackageKind
    name: str
    version: str
    architecture: str
    layer: int
    size: int
    license: str = ""
    place: str = ""


def contents(store: Store, image: StoredImage) -> tuple[Package, ...]:
    """What is installed in an image; free from the second time on.

    Args:
        store: has the image.
        image: from `read_image`.

    Returns:
        The packages, sorted by kind, name and version. One that is there several
        times (for two architectures, in two environments) is listed as often.

    Raises:
        InputError: a layer is no tar archive, or holds what no root file system can.
        OutsideError: a layer is missing, damaged or compressed with zstd.
    """
    known = _recalled(store.recall(_KIND, image.manifest.digest))
    if known is None:
        found = survey(store, image)
        known = tuple(sorted(package_of(found, installed) for installed in found.installed))
        value = {"packages": [asdict(package) for package in known]}
        store.remember(_KIND, image.manifest.digest, value)
    return known


def package_of(found: Survey, installed: Installed) -> Package:
    """An installed package with the size of its files."""
    nodes = (found.tree.nodes[path] for path in found.files(installed))
    # Hard links to one file, of which git has a hundred, take its room once.
    sizes = {(n.layer, n.member): n.entry.size for n in nodes if n.kind is not Kind.DIRECTORY}
    folder = installed.record.rpartition("-packages/")[0]
    return Package(
        kind=installed.kind,
        name=installed.name,
        version=installed.version,
        architecture=installed.architecture,
        layer=installed.layer,
        size=sum(sizes.values()) or installed.estimate,
        license=installed.license,
        place=f"{folder}-packages" if folder else "",
    )


def _recalled(value: Mapping[str, Any] | None) -> tuple[Package, ...] | None:
    """What `contents` remembered; None when the record is not one."""
    try:
        return tuple(Package(**package) for package in value["packages"]) if value else None
    except (KeyError, TypeError):
        return None
