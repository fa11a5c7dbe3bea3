"""What is published beside an image before its tags move: SBOM, provenance, signatures."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from stackyard.build.plan import Plan
from stackyard.oci.descriptor import INDEX
from stackyard.oci.registry.client import Registry
from stackyard.oci.store import Store
from stackyard.publish.attach import attach_all
from stackyard.publish.dates import note_published
from stackyard.publish.editions import Edition
from stackyard.publish.keys import SigningKey
from stackyard.publish.lookup import Remote
from stackyard.publish.origin import Origin
from stackyard.publish.provenance import provenance
from stackyard.publish.sbom import sbom, wheels_of
from stackyard.publish.sign import sign_all

Attest = Callable[[Registry, str, Edition], None]
"""Given a registry, a repository in it and the edition, whose manifests are there."""


@dataclass(frozen=True)
class Attester:
    """Attaches what is told of images that are published now, and signs with a key.

    Attributes:
        origin: where the images come from; None to attach nothing.
        plan: has their targets.
        remote: an image that was there before has its documents; it is only signed.
        key: None to sign nothing.
    """

    origin: Origin | None
    plan: Plan
    store: Store
    remote: Remote
    key: SigningKey | None

    def __call__(self, client: Registry, repository: str, edition: Edition) -> None:
        """Attach and sign; see `Attest`.

        Raises:
            OutsideError: the registry refused or failed.
        """
        is_new = any(self.plan.images[t] not in self.remote.images for t in edition.targets)
        if self.origin and (is_new or edition.root.media_type == INDEX):
            # Images bear no date of their own; `prune` goes by this one.
            note_published(client, repository, self.store, edition.root, datetime.now(UTC))
        signed = [edition.root.digest] if edition.root.media_type == INDEX else []
        for index, (manifest, _) in enumerate(edition.manifests):
            signed += [manifest.digest, *self._attached(client, repository, edition, index)]
        if self.key:
            sign_all(client, repository, self.store, edition.repository, signed, self.key)

    def _attached(
        self, client: Registry, repository: str, edition: Edition, index: int
    ) -> Sequence[str]:
        target, (manifest, _) = edition.targets[index], edition.manifests[index]
        if self.origin is None or self.plan.images[target] in self.remote.images:
            return ()
        # Layers that stayed in the registry have to be read to tell what is in them.
        self.remote.pull_layers(manifest)
        documents = [
            sbom(self.store, manifest, edition.repository, wheels=wheels_of(self.plan, target)),
            provenance(self.origin.provenance(self.plan, target, manifest, edition.repository)),
        ]
        made = attach_all(client, repository, self.store, manifest, documents)
        return [descriptor.digest for descriptor in made]
