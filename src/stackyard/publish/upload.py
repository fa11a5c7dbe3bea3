"""Pushing editions: blobs while the build still runs, then manifests, tags last."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import ExitStack
from types import TracebackType

from stackyard.build.events import Event, Failed, Finished, Listener, Started
from stackyard.build.plan import Plan
from stackyard.build.results import Made
from stackyard.build.steps import BaseStep, Step
from stackyard.errors import OutsideError, StackyardError
from stackyard.oci.descriptor import INDEX, Descriptor
from stackyard.oci.reference import Reference
from stackyard.oci.registry.client import Registry
from stackyard.oci.registry.push import Push, PushReport
from stackyard.oci.store import Store
from stackyard.oci.walk import children
from stackyard.publish.attest import Attest
from stackyard.publish.editions import Edition
from stackyard.publish.lookup import Remote
from stackyard.publish.naming import repository
from stackyard.publish.tags import base_tag, key_tag
from stackyard.stack.values import Stack, Target

_AT_ONCE = 8


class Uploader:
    """Sends blobs as they are made, and at the end what makes them images.

    A context manager. A blob that several images have is sent to the repository
    of one of them and mounted into the others.

    Args:
        stack: whose images are pushed.
        plan: says which images a step is a part of.
        store: has the blobs.
        remote: what the registry has already.
        attest: publishes what goes beside an image, when its manifests are there and
            before its tags move.
        insecure: plain HTTP, also to other hosts than this one.
        advance: told of bytes sent, from several threads.

    Attributes:
        client: the stack's registry.

    Raises:
        InputError: the stack file names no registry, or a name that cannot be one.
    """

    def __init__(
        self,
        stack: Stack,
        plan: Plan,
        store: Store,
        remote: Remote,
        attest: Attest,
        *,
        insecure: bool,
        advance: Callable[[int], None],
    ) -> None:
        self._plan = plan
        self._store = store
        self._remote = remote
        self._attest = attest
        images = dict.fromkeys(target.image for target in plan.images)
        names = {image: Reference.parse(repository(stack, image)) for image in images}
        self._closing = ExitStack()
        self.client = self._closing.enter_context(
            Registry(next(iter(names.values())).registry, insecure=insecure)
        )
        self._repositories = {image: names[image].repository for image in images}
        siblings = [reference.repository for reference in names.values()]
        self._pushes = {
            image: Push(
                self.client,
                reference.repository,
                mount_from=[s for s in siblings if s != reference.repository],
                advance=advance,
            )
            for image, reference in names.items()
        }
        self._bases: dict[str, Made] = {}
        self._first_user = _first_users(plan, remote)
        for target, key in plan.images.items():
            there = remote.made[key].manifest if key in remote.images else None
            if there:
                self._pushes[target.image].known(there, key_tag(target.variant, key))
        self._pool = ThreadPoolExecutor(_AT_ONCE)
        self._early: list[Future[bool]] = []

    def __enter__(self) -> Uploader:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is not None:
            for push in self._pushes.values():
                push.stop()
        self._pool.shutdown(wait=error is None, cancel_futures=True)
        self._closing.__exit__(kind, error, trace)

    def made(self, step: Step, made: Made) -> None:
        """Begin to send what a step made; meant for `perform`."""
        if isinstance(step, BaseStep):
            self._bases[step.key] = made
        image = self._first_user.get(step.key)
        if image is not None:
            push = self._pushes[image]
            for layer in made.layers:
                self._early.append(self._pool.submit(push.blob, self._store, layer.descriptor))

    def finish(self, editions: Sequence[Edition], tell: Listener) -> list[PushReport]:
        """Send the rest of each edition, its manifests and then its tags.

        Args:
            editions: what is published.
            tell: told when each begins and ends, one at a time.

        Raises:
            OutsideError: the registry failed; tags of the editions that were not hit
                are moved all the same.
        """
        for future in self._early:
            # What failed here is tried again, and told, with the image it belongs to.
            future.exception()
        lock = threading.Lock()

        def say(event: Event) -> None:
            with lock:
                tell(event)

        done = [self._pool.submit(self._told, edition, say) for edition in editions]
        wait(done)
        return [future.result() for future in done]

    def _told(self, edition: Edition, tell: Listener) -> PushReport:
        name = f"{edition.image}:{edition.variant}"
        began = time.monotonic()
        tell(Started(step="push", name=name))
        try:
            report = self._finish(edition)
        except StackyardError as error:
            tell(Failed(step="push", name=name, message=str(error)))
            raise
        seconds = round(time.monotonic() - began, 3)
        tell(Finished(step="push", name=name, seconds=seconds, digest=edition.root.digest))
        return report

    def _finish(self, edition: Edition) -> PushReport:
        push = self._pushes[edition.image]
        for target, (manifest, tag) in zip(edition.targets, edition.manifests, strict=True):
            if self._plan.images[target] not in self._remote.images:
                self._send_absent(push, manifest)
                self._send_base(push, target)
            if edition.root.media_type == INDEX:
                push.manifest(self._store, manifest, (tag,))
        send = push.index if edition.root.media_type == INDEX else push.manifest
        send(self._store, edition.root, ())
        self._attest(self.client, self._repositories[edition.image], edition)
        return send(self._store, edition.root, edition.tags)

    def _send_base(self, push: Push, target: Target) -> None:
        """Keep the base beside the image, so that another machine can build on it."""
        key = self._plan.image_step(target).needs[0]
        decision = self._plan.decisions.get(key)
        made = self._bases.get(key) or (decision.made if decision else None)
        if made and made.manifest:
            self._send_absent(push, made.manifest)
            push.manifest(self._store, made.manifest, (base_tag(key),))

    def _send_absent(self, push: Push, manifest: Descriptor) -> None:
        """See to the blobs that were never here, because the registry has them.

        They are taken over from the repository that has them; where a registry does not
        do that, they are fetched from it and sent.
        """
        for blob in self._absent(manifest):
            holder = self._remote.holder(blob.digest)
            if holder is None:
                continue
            self.client.note_holder(blob.digest, holder)
            try:
                push.blob(self._store, blob)
            except OutsideError:
                self._remote.fetch(blob.digest)
                push.blob(self._store, blob)

    def _absent(self, manifest: Descriptor) -> Iterable[Descriptor]:
        parts = children(self._store.read(manifest.digest), manifest)
        return [blob for blob in parts if not self._store.has(blob.digest)]


def _first_users(plan: Plan, remote: Remote) -> dict[str, str]:
    """For each step below images that are not there yet, the first of these images."""
    users: dict[str, str] = {}
    for target, key in plan.images.items():
        if key in remote.images:
            continue
        for need in plan.image_step(target).needs:
            users.setdefault(need, target.image)
    return users
