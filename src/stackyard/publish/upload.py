"""Pushing editions: blobs while the build still runs, then manifests, tags last."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from types import TracebackType

from stackyard.build.plan import Plan
from stackyard.build.results import Made
from stackyard.build.steps import Step
from stackyard.oci.descriptor import INDEX
from stackyard.oci.reference import Reference
from stackyard.oci.registry.client import Registry
from stackyard.oci.registry.push import Push, PushReport
from stackyard.oci.store import Store
from stackyard.publish.editions import Edition
from stackyard.publish.naming import repository
from stackyard.stack.values import Stack

_AT_ONCE = 4


@dataclass(frozen=True)
class _Place:
    """A repository and what is being pushed to it."""

    name: str
    push: Push


class Uploader:
    """Sends blobs as they are made, and at the end what makes them images.

    A context manager. A blob that several images have is sent to the repository
    of one of them and mounted into the others.

    Args:
        stack: whose images are pushed.
        plan: says which images a step is a part of.
        store: has the blobs.
        insecure: plain HTTP, also to other hosts than this one.
        advance: told of bytes sent, from several threads.

    Raises:
        InputError: the stack file names no registry, or a name that cannot be one.
    """

    def __init__(
        self,
        stack: Stack,
        plan: Plan,
        store: Store,
        *,
        insecure: bool,
        advance: Callable[[int], None],
    ) -> None:
        self._store = store
        self._closing = ExitStack()
        images = dict.fromkeys(target.image for target in plan.images)
        names = {image: Reference.parse(repository(stack, image)) for image in images}
        registries = {reference.registry for reference in names.values()}
        clients = {
            registry: self._closing.enter_context(Registry(registry, insecure=insecure))
            for registry in registries
        }
        siblings = [reference.repository for reference in names.values()]
        self._places = {
            image: _Place(
                reference.repository,
                Push(
                    clients[reference.registry],
                    reference.repository,
                    mount_from=[s for s in siblings if s != reference.repository],
                    advance=advance,
                ),
            )
            for image, reference in names.items()
        }
        self._first_user = _first_users(plan)
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
            for place in self._places.values():
                place.push.stop()
        self._pool.shutdown(wait=error is None, cancel_futures=True)
        self._closing.__exit__(kind, error, trace)

    def made(self, step: Step, made: Made) -> None:
        """Begin to send what a step made; meant for `perform`."""
        image = self._first_user.get(step.key)
        if image is not None:
            push = self._places[image].push
            for layer in made.layers:
                self._early.append(self._pool.submit(push.blob, self._store, layer.descriptor))

    def finish(self, editions: Sequence[Edition]) -> list[PushReport]:
        """Send the rest of each edition, its manifests and then its tags.

        Raises:
            OutsideError: the registry failed; tags of editions before that are moved.
        """
        for future in self._early:
            # What failed here is tried again, and told, with the image it belongs to.
            future.exception()
        return [self._finish(edition) for edition in editions]

    def _finish(self, edition: Edition) -> PushReport:
        push = self._places[edition.image].push
        send = push.index if edition.root.media_type == INDEX else push.manifest
        return send(self._store, edition.root, edition.tags)


def _first_users(plan: Plan) -> dict[str, str]:
    users: dict[str, str] = {}
    for target in plan.images:
        for need in plan.image_step(target).needs:
            users.setdefault(need, target.image)
    return users
