"""Building for the verbs that need images: progress, then what came of it."""

from __future__ import annotations

import time
from collections.abc import Mapping

import click

from stackyard.build.engine_steps import TIMEOUT, EngineOptions
from stackyard.build.perform import Built, perform
from stackyard.build.plan import Plan
from stackyard.build.project import Project
from stackyard.build.results import Made
from stackyard.build.tasks import Pull
from stackyard.build.unchanged import BuiltImage
from stackyard.build.watch import OnMade
from stackyard.cli.display import display
from stackyard.errors import OutsideError, StackyardError
from stackyard.oci.store import Store
from stackyard.stack.values import Target
from stackyard.system.engines import EngineName
from stackyard.system.secrets import SecretSource


def build_plan(
    plan: Plan,
    project: Project,
    store: Store,
    *,
    jobs: int,
    as_json: bool,
    engines: EngineOptions,
    keep_going: bool,
    pull: Pull,
    pull_images: bool = False,
    on_made: OnMade | None = None,
) -> Built:
    """Do a plan, showing progress."""
    began = time.monotonic()
    with display(as_json=as_json) as show:
        built = perform(
            plan,
            project.stack,
            store,
            jobs=jobs,
            listener=show,
            on_made=on_made,
            engines=engines,
            keep_going=keep_going,
            pull=pull,
            pull_images=pull_images,
        )
    if not as_json:
        work = len(plan.to_build) - len(built.undone)
        click.echo(
            f"{work} steps built in {time.monotonic() - began:.1f} s"
            if plan.to_build
            else f"nothing to do: everything is in the {_where(plan)}",
            err=True,
        )
    return built


def _where(plan: Plan) -> str:
    return "store" if all(d.here for d in plan.decisions.values()) else "registry"


def engine_options(
    name: EngineName | None, secrets: tuple[str, ...], timeout: float | None
) -> EngineOptions:
    """The options as they are given on the command line.

    Raises:
        InputError: a ``--secret`` is not understood.
    """
    return EngineOptions(name, dict(map(SecretSource.parse, secrets)), timeout or TIMEOUT)


def whole_images(images: Mapping[Target, Made]) -> list[BuiltImage]:
    """What a build made, as it is shown and remembered."""
    return [
        BuiltImage(str(target), target.platform, made.manifest.digest, made.blobs or {})
        for target, made in images.items()
        if made.manifest
    ]


def finish(built: Built) -> None:
    """End a verb as its build ended.

    Raises:
        StackyardError: of the worst kind among the failures, naming each.
    """
    if not built.errors:
        return
    lines = [f"{name}: {error}" for name, error in built.errors.items()]
    incomplete = ", ".join(str(target) for target in built.incomplete)
    worst = max(built.errors.values(), key=lambda error: error.exit_code)
    kind: type[StackyardError] = type(worst) if len(lines) == 1 else OutsideError
    if all(isinstance(error, type(worst)) for error in built.errors.values()):
        kind = type(worst)
    raise kind(
        "\n".join([*lines, f"not built: {incomplete}" if incomplete else ""]).strip(),
        hint="what was built is kept; run the command again when it is mended",
    )
