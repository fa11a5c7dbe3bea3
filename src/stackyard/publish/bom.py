"""Writing an image's packages with CycloneDX's own library; slow to import, see `sbom`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import NAMESPACE_URL, uuid5

from cyclonedx.model import HashAlgorithm, HashType, Property
from cyclonedx.model.bom import Bom, BomMetaData
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.model.license import DisjunctiveLicense
from cyclonedx.model.tool import ToolRepository
from cyclonedx.output.json import JsonV1Dot6
from cyclonedx.spdx import is_supported_id
from packageurl import PackageURL

from stackyard import __version__
from stackyard.build.assembly import KEY_LABEL, LAYERS_LABEL
from stackyard.build.steps import GroupStep
from stackyard.inventory.contents import Package, contents
from stackyard.lock.model import Wheel
from stackyard.oci.digest import hex_of
from stackyard.oci.image import StoredImage
from stackyard.oci.store import Store

# Of a history entry, as `stackyard.build.assembly` writes it.
_LAYERS_COMMENT = "layers: "
_GROUP = f"stackyard {GroupStep.kind} "
_US = Component(name="stackyard", version=__version__, type=ComponentType.APPLICATION)


def write(
    store: Store,
    image: StoredImage,
    name: str,
    wheels: Mapping[tuple[str, str], Wheel],
    created: datetime,
    distribution: str,
) -> bytes:
    """The SBOM of an image, as JSON; see `stackyard.publish.sbom.sbom`.

    Raises:
        InputError: the image is broken.
        OutsideError: a blob is missing or damaged.
    """
    places = tuple(_places(image))
    parts = {
        part.bom_ref.value: part
        for package in contents(store, image)
        for part in [_component(package, places[package.layer], wheels, distribution)]
    }
    whole = _image(image, name)
    bom = Bom(
        # The same image has the same number: it says no more than the image's digest.
        serial_number=uuid5(NAMESPACE_URL, f"{name}@{image.manifest.digest}"),
        metadata=BomMetaData(
            timestamp=created,
            component=whole,
            tools=ToolRepository(components=[_US]),
        ),
        components=parts.values(),
    )
    bom.register_dependency(whole, parts.values())
    return JsonV1Dot6(bom).output_as_string().encode()


def _image(image: StoredImage, name: str) -> Component:
    """What the list is of."""
    digest = image.manifest.digest
    key = image.config.labels.get(KEY_LABEL)
    purl = PackageURL(
        "oci",
        name=name.rpartition("/")[2],
        version=digest,
        qualifiers={"arch": image.platform.architecture, "repository_url": name},
    )
    return Component(
        name=name,
        version=digest,
        type=ComponentType.CONTAINER,
        bom_ref=digest,
        purl=purl,
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=hex_of(digest))],
        properties=[Property(name="stackyard:key", value=key)] if key else [],
    )


@dataclass(frozen=True)
class _Place:
    """A layer: what a package in it says of it, and whether it is unpacked from wheels."""

    told: tuple[Property, ...]
    from_wheels: bool


def _component(
    package: Package,
    place: _Place,
    wheels: Mapping[tuple[str, str], Wheel],
    distribution: str,
) -> Component:
    purl = _purl(package, distribution)
    properties = list(place.told)
    if package.place:
        properties.append(Property(name="stackyard:folder", value=package.place))
    known = package.kind == "pypi" and place.from_wheels
    wheel = wheels.get((package.name, package.version)) if known else None
    if wheel:
        properties.append(Property(name="stackyard:wheel", value=wheel.filename))
    return Component(
        name=package.name,
        version=package.version,
        type=ComponentType.LIBRARY,
        # A package can be in two layers, and in two environments.
        bom_ref=f"{purl.to_string()}#{package.layer}:{package.place}",
        purl=purl,
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=wheel.sha256)] if wheel else [],
        licenses=[_license(package.license)] if package.license else [],
        properties=properties,
    )


def _license(text: str) -> DisjunctiveLicense:
    return DisjunctiveLicense(id=text) if is_supported_id(text) else DisjunctiveLicense(name=text)


def _purl(package: Package, distribution: str) -> PackageURL:
    """https://github.com/package-url/purl-spec/tree/main/types-doc (deb and pypi)."""
    is_deb = package.kind == "deb"
    return PackageURL(
        package.kind,
        namespace=distribution if is_deb else None,
        name=package.name,
        version=package.version,
        qualifiers={"arch": package.architecture} if package.architecture else {},
    )


def _places(image: StoredImage) -> Iterator[_Place]:
    """Each layer, from the bottom."""
    bottom = image.config.labels.get(LAYERS_LABEL, "").split()[:1]
    for layer, history in image.steps:
        if layer is None:
            continue
        told = history.comment.startswith(_LAYERS_COMMENT)
        served = history.comment.removeprefix(_LAYERS_COMMENT).split() if told else bottom
        properties = (
            Property(name="stackyard:layer:digest", value=layer.descriptor.digest),
            Property(name="stackyard:layer:diffID", value=layer.diff_id),
            *(Property(name="stackyard:layer:name", value=name) for name in served),
        )
        yield _Place(properties, history.created_by.startswith(_GROUP))
