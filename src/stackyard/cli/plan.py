"""`stackyard plan`: what would be built, and why."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from stackyard.cli import options
from stackyard.cli.tables import size, table

if TYPE_CHECKING:
    from stackyard.build.plan import Plan


@click.command()
@options.stack_file
@options.store
@options.platforms
@options.as_json
@click.option("--graph", is_flag=True, help="The stack as a Mermaid graph.")
@options.targets
def command(
    path: Path,
    store_root: Path,
    platforms: tuple[str, ...],
    as_json: bool,
    graph: bool,
    targets: tuple[str, ...],
) -> None:
    """Show what would be built, what is reused, and why; nothing is changed.

    A TARGET is image, image:variant, or a glob of either; none means all.
    """
    from stackyard.build.project import open_project
    from stackyard.build.selection import select
    from stackyard.oci.store import Store

    project = open_project(path)
    selected = select(project.stack, targets, platforms)
    plan = project.plan(selected, Store.open(store_root))
    if graph:
        from stackyard.build.graph import mermaid

        click.echo(mermaid(project.stack, plan))
    elif as_json:
        click.echo(json.dumps(_document(plan), indent=2))
    else:
        _show(plan)


def _document(plan: Plan) -> dict[str, Any]:
    return {
        "steps": [
            {
                "key": key,
                "kind": decision.step.kind,
                "name": decision.step.name,
                "scope": decision.step.scope,
                "action": decision.action,
                "reason": decision.reason,
                "needs": list(decision.step.needs),
                "layers": list(decision.step.layers),
            }
            for key, decision in plan.decisions.items()
        ],
        "targets": [
            {"image": t.image, "variant": t.variant, "platform": t.platform, "step": key}
            for t, key in plan.images.items()
        ],
        "notes": {f"{t} {t.platform}": note for t, note in plan.notes.items()},
    }


def _show(plan: Plan) -> None:
    rows = [
        (d.action, d.step.kind, d.step.name, d.step.scope, _weight(d.step), d.reason)
        for d in plan.decisions.values()
    ]
    header = ("action", "step", "name", "for", "wheels", "reason")
    click.echo(table(header, rows, right=frozenset({4})))
    for target, note in plan.notes.items():
        click.echo(f"budget   {target} ({target.platform}): {note}")
    reused = len(plan.decisions) - len(plan.to_build)
    if plan.to_build:
        click.echo(f"{len(plan.to_build)} to build, {reused} reused")
    else:
        click.echo(f"nothing to do: all {reused} steps are in the store")


def _weight(step: object) -> str:
    from stackyard.build.steps import GroupStep

    return size(step.size) if isinstance(step, GroupStep) else ""
