"""Gathering what an image's provenance tells: files, bases, the commit, the machine."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from stackyard.build.plan import Plan
from stackyard.build.project import Project, lock_path
from stackyard.oci.descriptor import Descriptor
from stackyard.oci.digest import sha256
from stackyard.oci.disk import disk
from stackyard.publish.checkout import Checkout, checkout
from stackyard.publish.provenance import LOCAL_BUILDER, Material, Provenance, base_material
from stackyard.stack.values import Target


@dataclass(frozen=True, slots=True)
class Builder:
    """Who builds: a URI of it, and one of this very run (empty when there is none)."""

    name: str
    invocation: str

    @classmethod
    def here(cls, environ: Mapping[str, str] = os.environ) -> Builder:
        """What GitHub Actions or GitLab CI say of themselves, else this machine."""
        get = environ.get
        if get("GITHUB_ACTIONS") == "true":
            server, attempt = get("GITHUB_SERVER_URL", ""), get("GITHUB_RUN_ATTEMPT", "1")
            run = f"{get('GITHUB_REPOSITORY', '')}/actions/runs/{get('GITHUB_RUN_ID', '')}"
            workflow = get("GITHUB_WORKFLOW_REF", "")
            return cls(f"{server}/{workflow}", f"{server}/{run}/attempts/{attempt}")
        if get("GITLAB_CI") == "true":
            return cls(
                f"{get('CI_PROJECT_URL', '')}/-/runners/{get('CI_RUNNER_ID', '')}",
                get("CI_JOB_URL", ""),
            )
        return cls(LOCAL_BUILDER, "")


@dataclass(frozen=True)
class Origin:
    """What all images of a stack have in common; read once.

    Attributes:
        stack_digest, lock_digest: of the two files.
        source: the repository that the stack file is in, if any.
        builder: who builds.
    """

    project: Project
    stack_digest: str
    lock_digest: str
    source: Checkout | None
    builder: Builder

    @classmethod
    def of(cls, project: Project, builder: Builder) -> Origin:
        """Read a stack's files and ask git.

        Raises:
            OutsideError: the stack file or its lock cannot be read.
        """
        stack = project.stack
        return cls(
            project,
            _digest(stack.path),
            _digest(lock_path(stack)),
            checkout(stack.root),
            builder,
        )

    def provenance(self, plan: Plan, target: Target, manifest: Descriptor, name: str) -> Provenance:
        """What is told of one image.

        Args:
            plan: has the target.
            target: which image.
            manifest: the image that was made.
            name: the repository that it is published in.
        """
        path = self.project.stack.path.name
        folder = self.source.folder if self.source else "."
        return Provenance(
            name=name,
            digest=manifest.digest,
            stack_path=str(PurePosixPath(folder) / path),
            stack_digest=self.stack_digest,
            lock_digest=self.lock_digest,
            image=target.image,
            variant=target.variant,
            platform=target.platform,
            key=plan.images[target],
            bases=tuple(self._bases(target)),
            source=self.source,
            builder=self.builder.name,
            invocation=self.builder.invocation,
        )

    def _bases(self, target: Target) -> Iterator[Material]:
        image = self.project.stack.image(target)
        source = self.project.stack.variants[target.variant].layers[image.base].base
        locked = self.project.lock.resolutions[target.variant, image.base].bases[target.platform]
        if source is not None:
            yield base_material(source, locked.digest)


def _digest(path: Path) -> str:
    with disk(f"reading {path}"):
        return sha256(path.read_bytes())
