"""`stackyard plan`: what would be built, and why."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from stackyard.cli import options
from stackyard.cli.tables import size, table

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stackyard.build.plan import Plan
    from stackyard.build.upgrade import Upgrade
    from stackyard.stack.values import Target


@click.command()
@options.stack_file
@options.store
@options.platforms
@options.registry
@options.as_json
@click.option(
    "--graph",
    type=click.Choice(["mermaid", "dot", "svg"]),
    is_flag=False,
    flag_value="mermaid",
    help="The stack as a graph; for SVG, Graphviz must be installed.  [--graph alone: mermaid]",
)
@options.targets
def command(
    path: Path,
    store_root: Path,
    platforms: tuple[str, ...],
    offline: bool,
    insecure: bool,
    as_json: bool,
    graph: str | None,
    targets: tuple[str, ...],
) -> None:
    """Show what would be built, what is reused, and why; nothing is changed.

    A TARGET is image, image:variant, or a glob of either; none means all.
    """
    from stackyard.build.project import open_project
    from stackyard.build.selection import select
    from stackyard.build.upgrade import upgrades
    from stackyard.cli.planning import planned
    from stackyard.oci.store import Store

    project = open_project(path)
    selected = select(project.stack, targets, platforms)
    store = Store.open(store_root)
    with planned(project, selected, store, offline=offline, insecure=insecure) as (plan, _):
        if graph:
            from stackyard.cli.drawing import drawn

            click.echo(drawn(project.stack, plan, graph))
        elif as_json:
            click.echo(json.dumps(_document(plan, upgrades(plan, store)), indent=2))
        else:
            _show(plan, upgrades(plan, store))


def _document(plan: Plan, costs: Mapping[Target, Upgrade]) -> dict[str, Any]:
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
        "upgrades": {f"{t} {t.platform}": cost.to_json() for t, cost in costs.items()},
    }


def _show(plan: Plan, costs: Mapping[Target, Upgrade]) -> None:
    rows = [
        (d.action, d.step.kind, d.step.name, d.step.scope, _weight(d.step), d.reason)
        for d in plan.decisions.values()
    ]
    header = ("action", "step", "name", "for", "wheels", "reason")
    click.echo(table(header, rows, right=frozenset({4})))
    for target, note in plan.notes.items():
        click.echo(f"budget   {target} ({target.platform}): {note}")
    for target, cost in costs.items():
        click.echo(f"upgrade  {target} ({target.platform}): {_cost(cost)}")
    reused = len(plan.decisions) - len(plan.to_build)
    if plan.to_build:
        click.echo(f"{len(plan.to_build)} to build, {reused} reused")
    else:
        where = "in the store" if all(d.here for d in plan.decisions.values()) else "there"
        click.echo(f"nothing to do: all {reused} steps are {where}")


def _cost(cost: Upgrade) -> str:
    """What a node that has the image pulls for the new one, and what most of it is."""
    parts = [f"{name} {size(count)}" for name, count in list(cost.pulled.items())[:3]]
    parts += [f"and {len(cost.pulled) - 3} more"] if len(cost.pulled) > 3 else []
    about = "about " if cost.estimated else ""
    told = f"nodes that have it pull {about}{size(cost.size)} of {size(cost.total)}"
    if parts:
        told += f" ({', '.join(parts)})"
    if cost.unknown:
        told += f", and what {', '.join(cost.unknown[:3])} will make"
    return told


def _weight(step: object) -> str:
    from stackyard.build.steps import GroupStep

    return size(step.size) if isinstance(step, GroupStep) else ""
