"""Doing the steps that need a container engine."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from stackyard.build.events import Event, Said
from stackyard.build.plan import Plan
from stackyard.build.results import Made
from stackyard.build.steps import EngineStep
from stackyard.build.tasks import Below, RunEngine
from stackyard.errors import InputError
from stackyard.oci.descriptor import Platform
from stackyard.oci.image import read_settings
from stackyard.oci.store import Store
from stackyard.stack.packages import deb_name
from stackyard.stack.suggest import did_you_mean
from stackyard.stack.values import Stack
from stackyard.system.engine import Engine, Parent
from stackyard.system.engines import EngineName, open_engine
from stackyard.system.secrets import SecretSource, read_secrets
from stackyard.system.settings import with_settings
from stackyard.system.spawn import end_all
from stackyard.system.step import Apt, Surroundings, run_step

TIMEOUT = 3600.0
"""Seconds that a step may take unless something else is said."""


@dataclass(frozen=True)
class EngineOptions:
    """How steps that need an engine are done.

    Attributes:
        name: the engine that is asked for.
        secrets: where values come from, by name.
        timeout: seconds that one step may take.
    """

    name: EngineName | None = None
    secrets: Mapping[str, SecretSource] = field(default_factory=dict)
    timeout: float = TIMEOUT


DEFAULTS = EngineOptions()


@contextmanager
def engine_runner(
    plan: Plan, stack: Stack, store: Store, options: EngineOptions, tell: Callable[[Event], None]
) -> Iterator[RunEngine]:
    """What does one step, from any thread, as long as the block lasts.

    An engine is opened only when there is a step for it.

    Args:
        plan: says which steps are to be done.
        stack: the stack.
        store: has what they stand on.
        options: how they are done.
        tell: told each line that an engine prints.

    Raises:
        InputError: a secret that a step needs is not given.
        OutsideError: there is no engine.
    """
    steps = [d.step for d in plan.to_build if isinstance(d.step, EngineStep)]
    if not steps:
        yield _none
        return
    needed = {name: f"layer {step.name}" for step in steps for name in step.secrets}
    here = Surroundings(
        store=store,
        root=stack.root,
        secrets=read_secrets(needed, options.secrets),
        timeout=options.timeout,
        run=secrets.token_hex(8),
    )
    with open_engine(options.name, store) as engine:

        def run(step: EngineStep, below: Below) -> Made:
            return _run(engine, step, below, here, tell)

        try:
            yield run
        finally:
            # What still runs now was broken off: nobody will read what it makes.
            end_all()


def _none(step: EngineStep, _below: Below) -> Made:
    raise TypeError(f"no engine was opened for {step.name}")


def check_secrets(stack: Stack, given: Mapping[str, SecretSource]) -> None:
    """See that some layer has each secret that is given: else its name is wrong.

    Raises:
        InputError: none has.
    """
    layers = [layer for variant in stack.variants.values() for layer in variant.layers.values()]
    known = {name for layer in layers for name in layer.secrets}
    for name in given.keys() - known:
        raise InputError(
            f"--secret {name}: no layer has a secret of this name",
            hint=did_you_mean(name, known) or "name it in the `secrets:` of a layer",
        )


def _run(
    engine: Engine,
    step: EngineStep,
    below: Below,
    here: Surroundings,
    tell: Callable[[Event], None],
) -> Made:
    def say(line: str) -> None:
        tell(Said(step=step.kind, name=step.name, scope=step.scope, line=line))

    made = run_step(
        engine,
        step.work,
        _parent(here.store, step, below),
        f"layer {step.name}: {step.kind}",
        step.log(here.store),
        here,
        say,
    )
    return Made(layers=made.layers, settings=made.settings, debs=_versions(step, made.debs or {}))


def _versions(step: EngineStep, debs: Mapping[str, str]) -> dict[str, str]:
    """The versions of what an apt step was asked for."""
    if not isinstance(step.work, Apt):
        return {}
    names = {package: deb_name(package) for package in step.work.packages}
    found = {p: debs.get(n) or debs.get(n.partition(":")[0]) for p, n in names.items()}
    return {package: version for package, version in found.items() if version}


def _parent(store: Store, step: EngineStep, below: Below) -> Parent:
    """All that is below, with the configuration that the step's instructions see."""
    bottom = below[0][1].manifest
    if bottom is None:
        raise TypeError(f"{step.name} does not stand on a base")
    config, _ = read_settings(store, bottom)
    for _, made in below:
        config = with_settings(config, made.settings)
    return Parent(
        layers=tuple(layer for _, made in below for layer in made.layers),
        config=replace(config, env={**config.env, **step.env}),
        platform=Platform.parse(step.platform),
    )
