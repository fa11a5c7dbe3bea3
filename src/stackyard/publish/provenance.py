"""How an image came about, as SLSA provenance in an in-toto statement.

https://slsa.dev/spec/v1.0/provenance and
https://github.com/in-toto/attestation/blob/main/spec/v1/statement.md
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from stackyard import __version__
from stackyard.oci.descriptor import NO_ANNOTATIONS
from stackyard.oci.digest import hex_of, is_digest
from stackyard.oci.documents import canonical
from stackyard.oci.reference import Reference
from stackyard.publish.attach import Document
from stackyard.publish.checkout import Checkout
from stackyard.stack.values import BaseSource

MEDIA_TYPE = "application/vnd.in-toto+json"
PREDICATE = "https://slsa.dev/provenance/v1"
BUILD_TYPE = "https://stackyard.io/build/v1"
"""What the parameters mean; docs/provenance.md tells."""
LOCAL_BUILDER = "https://stackyard.io/builder/local"
"""A machine that nobody vouches for."""


@dataclass(frozen=True, slots=True)
class Material:
    """Something that the image was made from.

    Attributes:
        name: in the stack file's words.
        uri: where it is from; empty when only the digest tells.
        digest: algorithm to hex digits.
        notes: what else is to be known.
    """

    name: str
    uri: str
    digest: Mapping[str, str]
    notes: Mapping[str, str] = field(default_factory=lambda: NO_ANNOTATIONS, hash=False)

    def to_json(self) -> dict[str, Any]:
        """As a resource descriptor of in-toto."""
        told = {
            "name": self.name,
            "uri": self.uri,
            "digest": dict(self.digest),
            "annotations": dict(self.notes),
        }
        return {key: value for key, value in told.items() if value}


@dataclass(frozen=True, kw_only=True)
class Provenance:
    """What is told of how one image was made.

    Attributes:
        name: the repository that it is published in, such as ``ghcr.io/acme/hub/geo-ml``.
        digest: of its manifest.
        stack_path: the stack file's path in its repository, or its name alone.
        stack_digest, lock_digest: sha256 of the two files, as ``sha256:...``.
        image, variant, platform: the target.
        key: the hash of all that decided the image's content.
        bases: what it stands on, see `base_material`.
        source: the repository that the stack file is in, if any.
        builder: a URI of who built it.
        invocation: a URI of the very run, or another name for it; empty for none.
    """

    name: str
    digest: str
    stack_path: str
    stack_digest: str
    lock_digest: str
    image: str
    variant: str
    platform: str
    key: str
    bases: Sequence[Material]
    source: Checkout | None = None
    builder: str = LOCAL_BUILDER
    invocation: str = ""


def base_material(source: BaseSource, digest: str) -> Material:
    """A base and what pins it.

    Args:
        source: as the stack file names it.
        digest: `stackyard.lock.model.LockedBase.digest`; empty when it was not measured.
    """
    sha256 = {"sha256": hex_of(digest)} if is_digest(digest) else {}
    notes = {"digest": "of the list of its packages and versions"}
    if source.kind == "registry":
        reference = Reference.parse(source.value)
        pinned = reference.pinned(digest) if sha256 else reference
        return Material(str(source), f"oci://{pinned}", sha256)
    return Material(str(source), "", sha256, notes if source.kind == "debian" else NO_ANNOTATIONS)


def statement(told: Provenance) -> dict[str, Any]:
    """The in-toto statement, as a JSON object."""
    return {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": told.name, "digest": {"sha256": hex_of(told.digest)}}],
        "predicateType": PREDICATE,
        "predicate": {
            "buildDefinition": {
                "buildType": BUILD_TYPE,
                "externalParameters": {
                    "stack": {"path": told.stack_path, "digest": _sha256(told.stack_digest)},
                    "lock": {"digest": _sha256(told.lock_digest)},
                    "image": told.image,
                    "variant": told.variant,
                    "platform": told.platform,
                },
                "internalParameters": {"key": told.key},
                "resolvedDependencies": [m.to_json() for m in (*_source(told), *told.bases)],
            },
            "runDetails": {
                "builder": {"id": told.builder, "version": {"stackyard": __version__}},
                "metadata": {"invocationId": told.invocation} if told.invocation else {},
            },
        },
    }


def provenance(told: Provenance) -> Document:
    """The document to attach; an image that has one gets no other.

    What is in the registry already was made by an earlier run, which told of itself.
    """
    return Document(
        "provenance.intoto.json",
        MEDIA_TYPE,
        canonical(statement(told)),
        annotations={"in-toto.io/predicate-type": PREDICATE},
        first_only=True,
    )


def _source(told: Provenance) -> list[Material]:
    if told.source is None:
        return []
    remote = f"git+{told.source.remote}" if told.source.remote else ""
    notes = {"dirty": "true"} if told.source.dirty else {}
    return [Material("source", remote, {"gitCommit": told.source.commit}, notes)]


def _sha256(digest: str) -> dict[str, str]:
    return {"sha256": hex_of(digest)}
