"""What a registry has of a plan: whole images, and the layers of those that it has.

An image that is there under its key is neither built nor sent again, also when the store
is empty, as on a CI runner. Of one that changed, the last that was published tells by the
annotations of its layers which steps need not be done again.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from types import TracebackType

from stackyard.build.plan import Plan
from stackyard.build.results import Made
from stackyard.build.steps import BaseStep
from stackyard.errors import OutsideError
from stackyard.oci.blob import is_whole
from stackyard.oci.descriptor import Descriptor, Platform
from stackyard.oci.reference import Reference
from stackyard.oci.registry.client import Registry
from stackyard.oci.registry.download import fetch
from stackyard.oci.registry.parallel import each
from stackyard.oci.registry.patience import Patience
from stackyard.oci.store import Store
from stackyard.oci.walk import children
from stackyard.publish.naming import repository
from stackyard.publish.published import Place, PublishedImage, published_image
from stackyard.publish.tags import base_tag, key_tag
from stackyard.stack.values import Stack, Target

_AT_ONCE = 8
_BRIEFLY = Patience(attempts=2, first=0.2)


@dataclass
class Remote:
    """What was found; a context manager, because blobs can be asked for later.

    Attributes:
        made: what steps made, by key; blobs are in the registry, documents in the store.
        images: keys of the images among them.
        failure: why a registry could not be asked; empty when all went well.
    """

    store: Store
    made: dict[str, Made] = field(default_factory=dict)
    images: set[str] = field(default_factory=set)
    failure: str = ""
    _blobs: dict[str, tuple[Place, Descriptor]] = field(default_factory=dict)
    _stop: threading.Event = field(default_factory=threading.Event)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _closing: ExitStack = field(default_factory=ExitStack)

    def __enter__(self) -> Remote:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop.set()
        self._closing.__exit__(kind, error, trace)

    def client(self, registry: str, *, insecure: bool) -> Registry:
        """A client that is closed with this."""
        client = Registry(registry, insecure=insecure, patience=_BRIEFLY)
        return self._closing.enter_context(client)

    def pull(self, made: Made) -> Made:
        """Bring the blobs of a result here.

        Raises:
            OutsideError: the registry or the disk failed, or a blob is damaged.
        """
        wanted = [*(layer.descriptor.digest for layer in made.layers), *(made.blobs or ())]
        missing = [digest for digest in dict.fromkeys(wanted) if digest in self._blobs]
        each(self.fetch, missing, _AT_ONCE, threading.Event())
        return made

    def pull_layers(self, manifest: Descriptor) -> None:
        """Bring those layers of a stored manifest here that are not.

        Raises:
            OutsideError: as `pull`.
        """
        parts = children(self.store.read(manifest.digest), manifest)
        missing = [blob.digest for blob in parts if blob.digest in self._blobs]
        each(self.fetch, missing, _AT_ONCE, threading.Event())

    def fetch(self, digest: str) -> None:
        """Bring one blob here.

        Raises:
            OutsideError: the registry or the disk failed, or the blob is damaged.
        """
        place, blob = self._blobs[digest]
        with place.client.turn(digest):
            if not is_whole(self.store.blob_path(digest), blob.size):
                fetch(
                    place.client,
                    place.repository,
                    blob,
                    self.store,
                    advance=lambda _: None,
                    stop=self._stop,
                )

    def holder(self, digest: str) -> str | None:
        """The repository that a blob was found in."""
        found = self._blobs.get(digest)
        return found[0].repository if found else None

    def add(self, place: Place, image: PublishedImage) -> None:
        """Take in the layers of an image that was found."""
        with self._lock:
            for layer in image.layers:
                self._blobs.setdefault(layer.descriptor.digest, (place, layer.descriptor))
            for key, made in image.steps.items():
                # A base is more than its layers, and is looked for on its own.
                self.made.setdefault(key, made)

    def add_image(self, key: str, image: PublishedImage) -> None:
        """Take in a whole image."""
        with self._lock:
            self.made[key] = Made(manifest=image.manifest, blobs=image.blobs)
            self.images.add(key)

    def add_base(self, key: str, image: PublishedImage) -> None:
        """Take in a base, which is an image of its own."""
        with self._lock:
            self.made[key] = Made(layers=image.layers, manifest=image.manifest, blobs=image.blobs)


def look_up(
    stack: Stack,
    plan: Plan,
    store: Store,
    *,
    insecure: bool = False,
    every: bool = False,
    whole: bool = False,
) -> Remote:
    """Ask the stack's registry for what a plan would build.

    Args:
        stack: names the registry.
        plan: what would be done without the registry.
        store: takes the documents of what is found.
        insecure: plain HTTP, also to other hosts than this one.
        every: also for images that are in the store already.
        whole: images that are found will be pulled, so their bases are wanted too.

    Returns:
        What was found. A registry that cannot be asked has nothing, and `failure` says why.
    """
    remote = Remote(store)
    targets = [t for t, key in plan.images.items() if every or plan.decisions[key].made is None]
    if not stack.registry or not targets:
        return remote
    names = {t.image: Reference.parse(repository(stack, t.image)) for t in targets}
    client = remote.client(names[targets[0].image].registry, insecure=insecure)
    places = {image: Place(client, reference.repository) for image, reference in names.items()}

    def find(target: Target) -> None:
        _find(remote, places[target.image], plan, target)

    try:
        # The first alone: a registry that is not there is asked once.
        find(targets[0])
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            list(pool.map(find, targets[1:]))
            list(pool.map(_find_base, *_bases(plan, targets, places, remote, whole=whole)))
    except OutsideError as error:
        remote.failure = error.message
    return remote


def _find(remote: Remote, place: Place, plan: Plan, target: Target) -> None:
    """An image under its key; else the layers of the one that was published last."""
    key = plan.images[target]
    platform = Platform.parse(target.platform)
    image = published_image(place, key_tag(target.variant, key), platform, remote.store)
    if image and image.key == key:
        remote.add(place, image)
        remote.add_image(key, image)
        return
    last = published_image(place, target.variant, platform, remote.store)
    if last:
        remote.add(place, last)


def _bases(
    plan: Plan,
    targets: Iterable[Target],
    places: Mapping[str, Place],
    remote: Remote,
    *,
    whole: bool,
) -> tuple[list[Remote], list[Place], list[BaseStep]]:
    """Each base that some image needs, with a place to look for it."""
    wanted: dict[str, tuple[Remote, Place, BaseStep]] = {}
    for target in targets:
        if plan.images[target] in remote.images and not whole:
            continue
        base = plan.decisions[plan.image_step(target).needs[0]]
        if isinstance(base.step, BaseStep) and base.made is None:
            wanted.setdefault(base.step.key, (remote, places[target.image], base.step))
    return (
        [remote for remote, _, _ in wanted.values()],
        [place for _, place, _ in wanted.values()],
        [step for _, _, step in wanted.values()],
    )


def _find_base(remote: Remote, place: Place, step: BaseStep) -> None:
    platform = Platform.parse(step.platform)
    # Its own manifest says nothing of keys; the tag does not move.
    image = published_image(place, base_tag(step.key), platform, remote.store)
    if image:
        remote.add(place, image)
        remote.add_base(step.key, image)
    else:
        remote.made.pop(step.key, None)
