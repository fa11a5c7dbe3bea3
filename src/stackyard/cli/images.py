"""The images that a command line names: references, layouts, archives, targets."""

from __future__ import annotations

import platform
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import click

from stackyard.errors import InputError, OutsideError
from stackyard.oci.descriptor import Descriptor, Platform
from stackyard.oci.store import Store

_NATIVE = {"x86_64": "amd64", "aarch64": "arm64"}
_CHOOSE = "choose another with --platform OS/ARCH"


@dataclass(frozen=True)
class Named:
    """An image that was found.

    Attributes:
        name: it, in full.
        kind: ``target``, ``reference``, ``oci``, ``docker-archive`` or ``oci-archive``.
        manifest: in the store, with everything below it.
    """

    name: str
    kind: str
    manifest: Descriptor

    def __str__(self) -> str:
        return f"{self.name}, {_KINDS[self.kind]}"


_KINDS = {
    "reference": "an image in a registry",
    "target": "a target of the stack file",
    "oci": "an OCI layout",
    "docker-archive": "a docker archive",
    "oci-archive": "an OCI archive",
}


@dataclass(frozen=True)
class Finder:
    """Finds images and brings them into a store.

    Attributes:
        stack_file: whose targets can be named.
        demanded: the stack file was named by the user, so it must be there.
        platform: which platform's image; None for this machine's.
        insecure: registries may be spoken to by plain HTTP.
    """

    store: Store
    stack_file: Path
    demanded: bool
    platform: str | None
    insecure: bool

    def find(self, text: str) -> Named:
        """The image that *text* names.

        Raises:
            InputError: there is none, not for this platform, or it is broken.
            OutsideError: a registry or the disk failed.
        """
        kind, _, place = text.partition(":")
        if place and kind in ("oci", "docker-archive", "oci-archive"):
            return self._file(kind, place)
        known = self._targets() if "/" not in text and "@" not in text else []
        if text in known:
            return self._target(text)
        with _hinted(f"no target of {self.stack_file} is named {text} either" if known else ""):
            return self._pulled(text)

    @property
    def _wanted(self) -> Platform:
        if self.platform is None:
            machine = platform.machine()
            return Platform("linux", _NATIVE.get(machine, machine))
        try:
            return Platform.parse(self.platform)
        except ValueError as error:
            raise InputError(str(error), hint="platforms are such as linux/amd64") from error

    def _file(self, kind: str, place: str) -> Named:
        from stackyard.oci.imports import import_layout
        from stackyard.oci.sources import import_docker_archive, import_oci_archive

        path, tag = _split(place)
        bring = {
            "oci": import_layout,
            "docker-archive": import_docker_archive,
            "oci-archive": import_oci_archive,
        }[kind]
        return Named(place, kind, bring(self.store, path, self._wanted, tag))

    def _targets(self) -> list[str]:
        """What targets can be called; nothing where there is no stack file."""
        if not self.demanded and not self.stack_file.is_file():
            return []
        from stackyard.stack.load import load

        targets = load(self.stack_file).targets
        return [name for target in targets for name in (target.image, str(target))]

    def _target(self, text: str) -> Named:
        from stackyard.build.project import open_project
        from stackyard.build.selection import select
        from stackyard.publish.naming import local_name

        project = open_project(self.stack_file)
        found = select(project.stack, [text], [self.platform] if self.platform else [])
        # Of several variants the first is the image's default; of platforms, this machine's.
        mine = [t for t in found if t.variant == found[0].variant]
        target = next((t for t in mine if t.platform == str(self._wanted)), mine[0])
        plan = project.plan([target], self.store)
        made = plan.decisions[plan.images[target]].made
        if made is None or made.manifest is None:
            published = local_name(project.stack, target)
            raise InputError(
                f"{target} ({target.platform}) is not built as the stack file has it now",
                hint=f"run `stackyard build {target}`, or inspect what was published,"
                f" such as {published}",
            )
        return Named(str(target), "target", made.manifest)

    def _pulled(self, text: str) -> Named:
        from stackyard.oci.reference import Reference
        from stackyard.oci.registry.client import Registry
        from stackyard.oci.registry.pull import pull

        reference = Reference.parse(text)
        wanted = self._wanted
        click.echo(f"pulling {reference} ({wanted}), as far as it is not here", err=True)
        with Registry(reference.registry, insecure=self.insecure) as client:
            try:
                manifest = pull(client, reference, wanted, self.store)
            except InputError as error:  # which is about the platform
                raise InputError(error.message, hint=_CHOOSE) from error
        return Named(str(reference), "reference", manifest)


def _split(place: str) -> tuple[Path, str | None]:
    """``PATH[:TAG]``; a path that is there as a whole has no tag."""
    path, colon, tag = place.partition(":")
    if not colon or Path(place).exists():
        return Path(place), None
    return Path(path), tag


@contextmanager
def _hinted(more: str) -> Iterator[None]:
    try:
        yield
    except OutsideError as error:
        hint = "; ".join(part for part in (error.hint, more) if part)
        raise OutsideError(error.message, hint=hint or None) from error
