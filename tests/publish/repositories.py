"""A repository of docker's registry with editions in it."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from stackyard.build.assembly import CREATED, KEY_LABEL, STEP_ANNOTATION
from stackyard.build.keys import key_of
from stackyard.oci.artifact import artifact
from stackyard.oci.assemble import assemble, assemble_index
from stackyard.oci.descriptor import LAYER_GZIP, Descriptor, Platform
from stackyard.oci.image import History, RuntimeConfig
from stackyard.oci.layer import Layer
from stackyard.oci.registry.client import Registry
from stackyard.oci.registry.push import push
from stackyard.oci.registry.referrers import listing
from stackyard.oci.store import Store
from stackyard.publish.attach import Document, attach_all
from stackyard.publish.dates import note_published
from stackyard.publish.retention import Outcome, Policy, delete, find
from stackyard.publish.shelf import read_shelf
from stackyard.publish.tags import base_tag, key_tag
from stackyard.stack.values import Stack

REPOSITORY = "hub/geo"
SBOM = "application/vnd.cyclonedx+json"
START = datetime(2026, 1, 1, tzinfo=UTC)


class Repository:
    """A repository with editions in it, each published a day after the one before."""

    def __init__(self, host: str, store: Store) -> None:
        self.client = Registry(host)
        self.store = store
        self.count = 0

    def image(self, key: str, base: str, arch: str = "amd64") -> Descriptor:
        blobs = [self.store.put(f"{b}-{arch}".encode(), LAYER_GZIP) for b in (base, key)]
        layers = [
            Layer(
                Descriptor(LAYER_GZIP, blob.digest, blob.size, {STEP_ANNOTATION: step}),
                blob.digest,
                blob.size,
            )
            for blob, step in zip(blobs, (base, key), strict=True)
        ]
        return assemble(
            self.store,
            platform=Platform("linux", arch),
            layers=[(layer, History("x")) for layer in layers],
            config=RuntimeConfig(),
            annotations={KEY_LABEL: key},
            created=CREATED,
        )

    def push(self, image: Descriptor, *tags: str) -> None:
        push(self.client, self.store, image, REPOSITORY, tags)

    def edition(
        self,
        name: str,
        *tags: str,
        variant: str = "py311",
        base: str = "b",
        dated: bool = True,
        platforms: tuple[str, ...] = ("amd64",),
    ) -> str:
        """Publish an image; its tag that never moves."""
        self.count += 1
        bottom = key_of("base", name=base)
        keys = [key_of("image", name=name, arch=arch) for arch in platforms]
        made = [self.image(k, bottom, a) for k, a in zip(keys, platforms, strict=True)]
        for key, image in zip(keys, made, strict=True):
            self.push(image, key_tag(variant, key))
        root, own = made[0], keys[0]
        if len(made) > 1:
            root, own = assemble_index(self.store, made), key_of("index", keys=keys)
        self.push(root, key_tag(variant, own), variant, *tags)
        below = [self.store.put(bottom.encode(), LAYER_GZIP)]
        bases = assemble(
            self.store,
            platform=Platform("linux", "amd64"),
            layers=[(Layer(below[0], below[0].digest, 1), History("x"))],
            config=RuntimeConfig(),
            annotations={},
            created=CREATED,
        )
        self.push(bases, base_tag(bottom))
        self.attach(root, name)
        if dated:
            moment = START + timedelta(days=self.count)
            note_published(self.client, REPOSITORY, self.store, root, moment)
        return key_tag(variant, own)

    def attach(self, root: Descriptor, text: str) -> None:
        document = Document("sbom.json", SBOM, text.encode(), annotations={"said": text})
        attach_all(self.client, REPOSITORY, self.store, root, [document])
        signed = artifact(
            self.store,
            subject=root,
            artifact_type="a/b",
            data=text.encode(),
            media_type="a/b",
            name="signature",
        )
        tag = f"sha256-{root.digest.removeprefix('sha256:')}.sig"
        push(self.client, self.store, signed, REPOSITORY, [tag])

    def find(self, stack: Stack, keep: int = 2, **policy: Any) -> Outcome:
        given = {"planned": frozenset(), "used": frozenset()} | policy
        return find(read_shelf(self.client, REPOSITORY), stack, Policy(keep, **given))

    def prune(self, stack: Stack, keep: int = 2, **policy: Any) -> set[str]:
        """The tags that went; what stays is checked to be whole."""
        before = set(self.tags)
        outcome = self.find(stack, keep, **policy)
        for entry in outcome.leaving:
            assert delete(outcome, entry)
        after = set(self.tags)
        told = {tag for entry in outcome.leaving for tag in entry.tags}
        assert before - after == told
        self.check()
        assert not self.find(stack, keep, **policy).leaving
        return told

    def check(self) -> None:
        """Every tag names something whole, and all that is attached is there."""
        for tag in self.tags:
            found, data = self.client.manifest(REPOSITORY, tag)
            document = json.loads(data)
            for child in document.get("manifests", ()):
                self.client.manifest(REPOSITORY, child["digest"])
            for blob in document.get("layers", ()):
                assert self.client.has_blob(REPOSITORY, Descriptor.from_json(blob))
            for entry in listing(self.client, REPOSITORY, found.digest):
                self.client.manifest(REPOSITORY, entry.descriptor.digest)

    @property
    def tags(self) -> list[str]:
        return self.client.tags(REPOSITORY)

    def digest(self, tag: str) -> str:
        found = self.client.exists(REPOSITORY, tag)
        assert found
        return found.digest
