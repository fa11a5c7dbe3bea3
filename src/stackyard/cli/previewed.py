"""What the preview hub offers: built images of this machine's platform, by their local names."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import click

from stackyard.build.engine_steps import EngineOptions
from stackyard.build.plan import Plan
from stackyard.build.project import Project
from stackyard.build.selection import select
from stackyard.cli.building import build_plan, finish
from stackyard.cli.planning import planned
from stackyard.errors import InputError
from stackyard.hub.preview.versions import hub_versions
from stackyard.hub.profiles import profile_list
from stackyard.hub.published import Published
from stackyard.oci.descriptor import Descriptor
from stackyard.oci.store import Store
from stackyard.publish.naming import local_name
from stackyard.stack.values import Stack, Target

_NATIVE = {"x86_64": "amd64", "aarch64": "arm64"}


def select_offered(stack: Stack, names: Sequence[str]) -> list[Target]:
    """The targets that have a profile, for this machine's platform where there is one.

    Raises:
        InputError: a name that no target has, or nothing to offer.
    """
    machine = platform.machine()
    native = f"linux/{_NATIVE.get(machine, machine)}"
    wanted = native if native in stack.platforms else stack.platforms[0]
    if wanted != native:
        click.echo(f"the images are for {wanted}, this machine is {native}", err=True)
    chosen = [target for name in names or ["*"] for target in select(stack, [name], [wanted])]
    with_profile = {t for t in chosen if stack.image(t).profile}
    if not with_profile:
        raise InputError(
            f"{' '.join(names) or stack.path.name}: no image has a `profile:`, so a hub would"
            " offer none",
            hint="give an image a `profile:` with a display_name in the stack file",
        )
    return [target for target in stack.targets if target in with_profile]


def profiles_of(stack: Stack, targets: Sequence[Target]) -> list[dict[str, Any]]:
    """KubeSpawner's profile list with only these targets, by their names in the engine.

    Raises:
        InputError: as `profile_list`.
    """
    variants: dict[str, list[str]] = {}
    for target in targets:
        variants.setdefault(target.image, []).append(target.variant)
    some = replace(stack, image_variants={name: tuple(found) for name, found in variants.items()})
    names = [Published(t.image, t.variant, local_name(stack, t)) for t in targets]
    return profile_list(some, names)


def images_of(
    project: Project, targets: Sequence[Target], store: Store, *, offline: bool, insecure: bool
) -> dict[str, Descriptor]:
    """The manifests by local name; images that are only in the registry are pulled.

    Raises:
        InputError: an image is neither built nor published as the stack file has it now.
        OutsideError: the registry fails.
    """
    with planned(project, targets, store, offline=offline, insecure=insecure, whole=True) as (
        plan,
        remote,
    ):
        _check_made(plan, project.stack)
        if all(plan.decisions[key].here for key in plan.images.values()):
            made = {t: plan.decisions[key].made for t, key in plan.images.items()}
        else:
            built = build_plan(
                plan,
                project,
                store,
                jobs=1,
                as_json=False,
                engines=EngineOptions(),
                keep_going=True,
                pull=remote.pull,
                pull_images=True,
            )
            finish(built)
            made = dict(built.images)
    return {
        local_name(project.stack, target): image.manifest
        for target, image in made.items()
        if image and image.manifest
    }


def _check_made(plan: Plan, stack: Stack) -> None:
    missing = [target for target, key in plan.images.items() if plan.decisions[key].made is None]
    if missing:
        named = " ".join(map(str, missing))
        raise InputError(
            f"not built as the stack file has them now: {named}",
            where=stack.image(missing[0]).where,
            hint=f"run `stackyard build {named}`, or name the TARGETs that are built",
        )


def hub_version(project: Project, targets: Sequence[Target]) -> str | None:
    """The JupyterHub that the images were made for; tells when that is not one for all."""
    versions = hub_versions(project.stack, project.lock, targets)
    if not versions:
        click.echo("the lock names no jupyterhub for these images: taking the newest", err=True)
        return None
    newest, *others = versions
    for version in others:
        named = ", ".join(map(str, versions[version]))
        click.echo(f"the hub is jupyterhub {newest}, but {version} is in {named}", err=True)
    return newest
