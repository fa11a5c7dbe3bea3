"""The list of what is in an image, as CycloneDX 1.6: every package, and the layer it is in.

https://cyclonedx.org/docs/1.6/json/

The same image has the same list to the byte, so that it is made once and attached once.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from stackyard import __version__
from stackyard.build.assembly import CREATED
from stackyard.build.plan import Plan
from stackyard.build.steps import GroupStep
from stackyard.lock.model import Wheel
from stackyard.oci.descriptor import Descriptor
from stackyard.oci.digest import hex_of, sha256
from stackyard.oci.documents import canonical
from stackyard.oci.image import read_image
from stackyard.oci.store import Store
from stackyard.publish.attach import Document
from stackyard.stack.values import Target

MEDIA_TYPE = "application/vnd.cyclonedx+json"
_KIND = "sbom-1"  # another number when the same image comes to have another list

Wheels = Mapping[tuple[str, str], Wheel]
"""The wheels that an image's packages came from, by name and version."""

NO_WHEELS: Wheels = {}


def wheels_of(plan: Plan, target: Target) -> dict[tuple[str, str], Wheel]:
    """The wheels that a target's packages are unpacked from."""
    steps = (plan.decisions[key].step for key in plan.image_step(target).needs)
    return {
        (package.name, package.version): package.wheels[step.platform]
        for step in steps
        if isinstance(step, GroupStep)
        for package in step.packages
    }


def sbom(
    store: Store,
    manifest: Descriptor,
    name: str,
    *,
    wheels: Wheels = NO_WHEELS,
    created: datetime = CREATED,
    distribution: str = "debian",
) -> Document:
    """The SBOM of one platform's image; free from the second time on.

    Args:
        store: has the image.
        manifest: the image.
        name: the repository that it is published in, such as ``ghcr.io/acme/hub/geo-ml``.
        wheels: as `wheels_of` gives them; their hashes are listed.
        created: the date that it bears; no clock is asked.
        distribution: whose dpkg packages these are: ``debian`` or ``ubuntu``.

    Raises:
        InputError: the image is broken.
        OutsideError: a blob is missing or damaged, or the disk is full.
    """
    told = {f"{n} {v}": [w.filename, w.sha256] for (n, v), w in wheels.items()}
    asked = [__version__, manifest.digest, name, told, created.isoformat(), distribution]
    key = hex_of(sha256(canonical(asked)))
    known = _recalled(store, store.recall(_KIND, key))
    if known is None:
        # CycloneDX's library takes as long to import as an unchanged push takes.
        from stackyard.publish.bom import write  # noqa: PLC0415 - see above

        image = read_image(store, manifest)
        known = write(store, image, name, wheels, created, distribution)
        made = store.put(known, MEDIA_TYPE)
        store.remember(_KIND, key, {"digest": made.digest})
    return Document("sbom.cdx.json", MEDIA_TYPE, known)


def _recalled(store: Store, memo: Mapping[str, Any] | None) -> bytes | None:
    digest = memo.get("digest") if memo else None
    if not isinstance(digest, str) or not store.has(digest):
        return None
    return store.read(digest)
