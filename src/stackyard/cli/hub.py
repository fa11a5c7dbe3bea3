"""`stackyard hub`: a real JupyterHub on this machine, with the images that were built."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from stackyard.cli import options

if TYPE_CHECKING:
    from stackyard.hub.preview.engine import Engine, EngineName
    from stackyard.hub.preview.environment import Environment
    from stackyard.hub.preview.serve import Running
    from stackyard.oci.descriptor import Descriptor
    from stackyard.oci.store import Store


@click.command()
@options.stack_file
@options.store
@options.registry
@click.option(
    "--engine",
    "engine_name",
    type=click.Choice(["docker", "podman"]),
    help="What runs the users' servers.  [default: docker, or podman where docker does not run]",
)
@click.option(
    "--port",
    type=click.IntRange(1, 65535),
    help="Where the hub listens on the loopback device.  [default: any free port]",
)
@click.option(
    "--with",
    "pins",
    multiple=True,
    metavar="REQUIREMENT",
    help="A version for the hub's environment, such as jupyterhub-kubespawner==7.0.0 (may be"
    " repeated).",
)
@click.option("-v", "--verbose", is_flag=True, help="Show the hub's log.")
@options.targets
def command(
    path: Path,
    store_root: Path,
    offline: bool,
    insecure: bool,
    engine_name: EngineName | None,
    port: int | None,
    pins: tuple[str, ...],
    verbose: bool,
    targets: tuple[str, ...],
) -> None:
    """Run a JupyterHub on this machine: log in, choose an image, work in JupyterLab.

    The spawn page is KubeSpawner's own, and each user's server is a container of the image
    that was chosen. A TARGET is image, image:variant, or a glob of either; none means all
    that have a profile. The hub listens on the loopback device only. Ctrl-C ends it, and
    nothing of it stays but its environment, which is installed once, and its log.
    """
    from stackyard.build.project import open_project
    from stackyard.cli.previewed import hub_version, images_of, profiles_of, select_offered
    from stackyard.cli.signals import unwound_once
    from stackyard.hub.preview.engine import find_engine
    from stackyard.hub.preview.environment import ensure, wanted
    from stackyard.hub.preview.serve import check_port
    from stackyard.hub.preview.sessions import sweep
    from stackyard.oci.store import Store

    project = open_project(path)
    chosen = select_offered(project.stack, targets)
    profiles = profiles_of(project.stack, chosen)
    requirements = wanted(pins, hub_version(project, chosen))
    if port:
        check_port(port)
    store, root = Store.open(store_root), store_root.absolute() / "hub"
    engine = find_engine(engine_name)
    with unwound_once():
        sweep(root, find_engine)
        images = images_of(project, chosen, store, offline=offline, insecure=insecure)
        environment = ensure(root / "environments", requirements, say)
        _preview(root, environment, engine, images, store, profiles, port, verbose=verbose)


def _preview(
    root: Path,
    environment: Environment,
    engine: Engine,
    images: Mapping[str, Descriptor],
    store: Store,
    profiles: Sequence[Mapping[str, Any]],
    port: int | None,
    *,
    verbose: bool,
) -> None:
    from stackyard.hub.preview.serve import running
    from stackyard.hub.preview.sessions import session

    ready = False
    try:
        with session(root, engine) as preview:
            _load(engine, images, store)
            with running(environment, engine, preview, profiles, port) as hub:
                ready = True
                _introduce(hub, environment, engine, profiles)
                _watch(hub, profiles, verbose=verbose)
    except KeyboardInterrupt:
        if not ready:
            raise
    say("ended; no container, volume or process of it is left")


def _load(engine: Engine, images: Mapping[str, Descriptor], store: Store) -> None:
    import time

    from stackyard.cli.loading import load_images
    from stackyard.hub.preview.local import absent

    if missing := absent(engine, images, store):
        began = time.monotonic()
        load_images(
            engine.name, missing, store, lambda what: say(f"loading into {engine.name}: {what}")
        )
        many = "1 image" if len(missing) == 1 else f"{len(missing)} images"
        say(f"loaded {many} in {time.monotonic() - began:.1f} s")


def _introduce(
    hub: Running,
    environment: Environment,
    engine: Engine,
    profiles: Sequence[Mapping[str, Any]],
) -> None:
    from stackyard.hub.preview.words import offered, without_effect, without_limits

    made_of = ", ".join(f"{name} {version}" for name, version in environment.versions.items())
    say(f"the hub runs {made_of}; servers run in {engine.name}")
    for name, slugs in without_effect(profiles).items():
        say(f"{name} has no effect in the preview ({', '.join(slugs)})")
    for name, slugs in without_limits(profiles, engine.limits).items():
        say(f"{name} has no effect: {engine.name} cannot limit it here ({', '.join(slugs)})")
    click.echo(
        "\n".join(
            [
                "",
                f"  {hub.address}",
                "",
                "  user name  any, such as ada",
                f"  password   {hub.password}",
                "",
                *(f"  {line}" for line in offered(profiles)),
                "",
                "Ctrl-C ends it.",
            ]
        )
    )


def _watch(hub: Running, profiles: Sequence[Mapping[str, Any]], *, verbose: bool) -> None:
    from stackyard.hub.preview.words import plain, told

    names = {profile["slug"]: profile["display_name"] for profile in profiles}

    def listener(event: Mapping[str, Any]) -> None:
        if text := told(event, names, hub.log):
            say(text)

    hub.watch(listener, (lambda line: say(plain(line))) if verbose else None)


def say(text: str) -> None:
    """Tell on standard error, also when the terminal is gone."""
    from contextlib import suppress

    with suppress(OSError):
        click.echo(text, err=True)
