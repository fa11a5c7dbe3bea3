"""Chains: what is done to a base before packages come, step upon step.

The steps of an image's layers stand in stacking order, each on the one before, so
that images have the longest common prefix, which is then built once.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from stackyard.build.family import Family
from stackyard.build.keys import key_of
from stackyard.build.steps import (
    AccountsStep,
    AptStep,
    ContainerfileStep,
    EngineStep,
    FinishStep,
    RunStep,
    Step,
)
from stackyard.oci.digest import sha256
from stackyard.stack.values import Containerfile, Layer
from stackyard.system.context import fingerprints
from stackyard.system.step import Apt, Commands, Instructions, Work

_CONVENTIONAL = ("apt.txt", "requirements.txt", "Containerfile.j2")
"""Files of a layer's folder that are other steps' business."""
_SHOWN = 60
BELOW = "what it stands on"
"""The fact of a step that stands for all that is below it."""


@dataclass
class Chains:
    """Makes the steps of layers; a variant's layer on the same chain is asked for once.

    Args:
        root: the project's folder.
        project: tells this project's caches from another's.
    """

    root: Path
    project: str
    _known: dict[tuple[str, str, str], tuple[Step, ...]] = field(default_factory=dict)
    _files: dict[tuple[str, str], Mapping[str, str]] = field(default_factory=dict)

    def chain(self, own: Family, layers: Sequence[Layer]) -> list[Step]:
        """The base and all steps before the packages.

        Raises:
            InputError: a Containerfile's folder holds what no engine can be given.
        """
        chain: list[Step] = [own.base]
        for layer in layers:
            # Each variant renders a layer of its own.
            place = (own.variant.name, chain[-1].key, layer.name)
            if place not in self._known:
                self._known[place] = tuple(self._steps(own, layer, tuple(chain)))
            chain += self._known[place]
        return chain

    def finish(self, own: Family, layers: Sequence[Layer], below: Sequence[Step]) -> list[Step]:
        """The steps after packages and files, each on all that is below it."""
        steps: list[Step] = []
        for layer in layers:
            if layer.finish:
                work = self._commands(own, layer, layer.finish, None)
                steps.append(self._step(FinishStep, own, layer, (*below, *steps), work))
        return steps

    def _steps(self, own: Family, layer: Layer, chain: tuple[Step, ...]) -> Iterator[Step]:
        if layer.user and not any(
            isinstance(step, AccountsStep) and layer.user in step.users for step in chain
        ):
            chain = (*chain, _accounts(own, layer, chain))
            yield chain[-1]
        for kind, work in self._works(own, layer):
            chain = (*chain, self._step(kind, own, layer, chain, work))
            yield chain[-1]

    def _works(self, own: Family, layer: Layer) -> Iterator[tuple[type[EngineStep], Work]]:
        if layer.apt and not layer.bootstrapped:
            source = own.base.source
            suite = source if source.kind == "debian" else None
            lists = key_of("apt lists", base=str(source), platform=own.base.platform)[:32]
            yield AptStep, Apt(layer.apt, suite, lists)
        if layer.containerfile:
            files = self._context(layer.containerfile)
            yield ContainerfileStep, Instructions(layer.containerfile, files, layer.secrets)
        if layer.run or layer.script:
            yield RunStep, self._commands(own, layer, layer.run, layer.script)

    def _commands(
        self, own: Family, layer: Layer, lines: tuple[str, ...], script: str | None
    ) -> Commands:
        files = self._folder(script, _CONVENTIONAL) if script else {}
        caches = {
            path: key_of("cache", project=self.project, platform=own.base.platform, path=path)[:32]
            for path in layer.cache
        }
        return Commands(lines, script, files, caches, layer.secrets)

    def _context(self, containerfile: Containerfile) -> Mapping[str, str]:
        """A template is not seen by its own instructions, nor is what other steps read."""
        is_template = containerfile.path.endswith(".j2")
        leave_out = (PurePosixPath(containerfile.path).name, *_CONVENTIONAL, "run.sh")
        return self._folder(containerfile.path, leave_out if is_template else ())

    def _folder(self, path: str, leave_out: tuple[str, ...]) -> Mapping[str, str]:
        place = (path, ",".join(leave_out))
        if place not in self._files:
            folder, name = PurePosixPath(path).parent.as_posix(), PurePosixPath(path).name
            self._files[place] = fingerprints(self.root, folder, name, leave_out=leave_out)
        return self._files[place]

    def _step(
        self,
        kind: type[EngineStep],
        own: Family,
        layer: Layer,
        below: tuple[Step, ...],
        work: Work,
    ) -> EngineStep:
        env = {} if isinstance(work, Apt) else _env(own, layer)
        facts = _facts(work) | {f"env {name}": value for name, value in env.items()}
        # On a chain the step below stands for all; what is above the packages has no chain.
        under = [below[-1].key] if kind is not FinishStep else [step.key for step in below]
        return kind(
            name=layer.name,
            key=key_of(kind.kind, below=under, facts=facts, work=_decisive(work)),
            scope=own.base.scope,
            needs=tuple(step.key for step in below),
            facts=facts | {BELOW: key_of("below", keys=under)},
            layers=(layer.name,),
            work=work,
            env=env,
            platform=own.base.platform,
        )


def _accounts(own: Family, layer: Layer, chain: tuple[Step, ...]) -> AccountsStep:
    user = layer.user
    assert user is not None  # noqa: S101 - asked before
    described = {user.name: f"{user.uid}:{user.gid} {user.home} {user.shell}"}
    return AccountsStep(
        name=user.name,
        key=key_of("accounts", base=chain[-1].key, users=list(described.items())),
        scope=own.base.scope,
        needs=tuple(step.key for step in chain),
        facts=described | {"base": own.base.facts["base"], BELOW: chain[-1].key},
        layers=(layer.name,),
        users=(user,),
    )


def _env(own: Family, layer: Layer) -> dict[str, str]:
    """What a layer's steps see: the variables of all that it stands on, and its own."""
    env: dict[str, str] = {}
    for name, other in own.variant.layers.items():
        if name == layer.name or name in own.below[layer.name]:
            env |= other.env
    return env


def _decisive(work: Work) -> Sequence[object]:
    """What decides a step's content and has an order."""
    match work:
        case Apt():
            return sorted(work.packages)
        case Commands():
            return [list(work.lines), work.script]
        case Instructions():
            return [work.containerfile.text, work.containerfile.parent]


def _facts(work: Work) -> dict[str, str]:
    """What a step is made from, in words that can be compared with the last time."""
    match work:
        case Apt():
            return dict.fromkeys(work.packages, "")
        case Commands():
            facts = _lines(work.lines)
            facts |= dict.fromkeys((f"cache {path}" for path in work.caches), "")
        case Instructions():
            file = work.containerfile
            facts = {f"argument {name}": value for name, value in file.args.items()}
            facts[file.path] = sha256(file.text.encode())
    return facts | dict(work.files) | dict.fromkeys((f"secret {s}" for s in work.secrets), "")


def _lines(commands: Sequence[str]) -> dict[str, str]:
    """Commands by how they begin; those that begin alike are numbered."""
    facts: dict[str, str] = {}
    for command in commands:
        name, count = _short(command), 1
        while (told := f"{name} ({count})" if count > 1 else name) in facts:
            count += 1
        facts[told] = sha256(command.encode())
    return facts


def _short(command: str) -> str:
    first = (command.strip().splitlines() or [""])[0]
    return f"`{first[:_SHOWN]}{'…' if len(first) > _SHOWN else ''}`"
