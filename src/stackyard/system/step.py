"""One step, from what the stack file says to a layer in the store."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from stackyard.errors import InputError, OutsideError, StackyardError
from stackyard.oci.disk import disk
from stackyard.oci.layer import Layer
from stackyard.oci.store import Store
from stackyard.stack.values import BaseSource, Containerfile
from stackyard.system import recipes
from stackyard.system.context import stage
from stackyard.system.engine import CommandFailed, Engine, Hear, Job, Parent
from stackyard.system.machine import check_runs
from stackyard.system.mirror import sources_for, sources_kept
from stackyard.system.readback import ReadBack
from stackyard.system.secrets import Secrets
from stackyard.system.settings import settings_between
from stackyard.system.steplog import StepLog, open_log


@dataclass(frozen=True)
class Apt:
    """Install Debian packages.

    Attributes:
        packages: names, as apt-get takes them.
        suite: the Debian suite at the bottom, which tells where packages come from;
            None to leave that to the image.
        lists: the id of the cache with apt's lists.
    """

    packages: tuple[str, ...]
    suite: BaseSource | None
    lists: str


@dataclass(frozen=True)
class Commands:
    """Run shell commands, and perhaps a script.

    Attributes:
        lines: the commands.
        script: relative to the project's root.
        files: of the script's folder, with their fingerprints.
        caches: directories that are kept, and the id of each.
        secrets: names of those that they may read.
    """

    lines: tuple[str, ...]
    script: str | None = None
    files: Mapping[str, str] = field(default_factory=dict)
    caches: Mapping[str, str] = field(default_factory=dict)
    secrets: tuple[str, ...] = ()


@dataclass(frozen=True)
class Instructions:
    """Run a Containerfile.

    Attributes:
        files: of its context, with their fingerprints.
        secrets: names of those that it may read.
    """

    containerfile: Containerfile
    files: Mapping[str, str]
    secrets: tuple[str, ...] = ()


Work = Apt | Commands | Instructions


@dataclass(frozen=True)
class Surroundings:
    """What is the same for all steps of one run.

    Attributes:
        root: the project's folder.
        secrets: all that were given.
        timeout: seconds for one step.
        run: tells this run from others.
    """

    store: Store
    root: Path
    secrets: Secrets
    timeout: float
    run: str


@dataclass(frozen=True)
class Stepped:
    """What a step made.

    Attributes:
        layers: from the bottom; none when nothing changed.
        settings: what a Containerfile changed of the configuration; see `settings`.
        debs: all Debian packages and versions, where the step changed any.
    """

    layers: tuple[Layer, ...]
    settings: Mapping[str, Any]
    debs: Mapping[str, str] | None


def run_step(
    engine: Engine, work: Work, parent: Parent, about: str, log: Path, here: Surroundings, say: Hear
) -> Stepped:
    """Do a step's work on what it stands on.

    Args:
        engine: who does it.
        work: what is to be done.
        parent: what it stands on.
        about: how messages call the step, such as ``layer grid: run``.
        log: the file that keeps all its output.
        here: what is the same for all steps.
        say: told each line of output, from another thread.

    Raises:
        InputError: a command failed, or something is wrong with it; named with the log.
        OutsideError: the engine, the disk or the network failed.
    """
    secrets = here.secrets.only(getattr(work, "secrets", ()))
    check_runs(parent.platform.architecture, f"{about} for {parent.platform}")
    with (
        here.store.scratch() as scratch,
        open_log(log, f"{about}, by {engine.name}", secrets, say) as heard,
        _explained(about, heard, secrets, scratch),
    ):
        job = _job(work, parent, here, secrets, scratch)
        result = engine.build(job, heard)
        found = ReadBack(here.store, secrets, isinstance(work, Apt), result.unasked)
        layers = tuple(filter(None, map(found.layer, result.archives)))
        if not isinstance(work, Instructions):
            return Stepped(layers, {}, found.debs)
        settings = settings_between(parent.config, result.config)
        words = "\0".join(_words(settings))
        if leaked := secrets.found_in(words.encode(errors="surrogateescape")):
            raise InputError(
                f"the value of the secret {leaked} is in the image's configuration",
                hint="use it in a RUN with --mount=type=secret, and in no ENV, ARG or LABEL",
            )
        return Stepped(layers, settings, found.debs)


def _words(value: Any) -> Iterator[str]:
    """All text in a JSON document, as it is."""
    match value:
        case str():
            yield value
        case Mapping():
            for name, part in value.items():
                yield name
                yield from _words(part)
        case list():
            for part in value:
                yield from _words(part)


def _job(work: Work, parent: Parent, here: Surroundings, secrets: Secrets, scratch: Path) -> Job:
    context, place = scratch / "context", scratch / "engine"
    with disk(f"writing to {scratch}"):
        context.mkdir()
        place.mkdir()
        given = secrets
        argument, args = recipes.FROM, {}
        match work:
            case Apt():
                given = _apt_sources(work)
                (context / recipes.SCRIPT).write_text(recipes.apt(work.packages, here.run))
                text = recipes.apt_containerfile(work.lists, sources=bool(given.values))
            case Commands():
                (context / recipes.SCRIPT).write_text(_commands(work, here.root, context))
                text = recipes.containerfile(work.caches, work.secrets)
            case Instructions():
                folder = Path(work.containerfile.path).parent.as_posix()
                stage(here.root, folder, work.files, context)
                text, argument = work.containerfile.text, work.containerfile.parent
                args = dict(work.containerfile.args)
        return Job(
            containerfile=text,
            argument=argument,
            parent=parent,
            context=context,
            args=args,
            secrets=given.write(scratch / "secrets"),
            timeout=here.timeout,
            scratch=place,
        )


def _commands(work: Commands, root: Path, context: Path) -> str:
    if work.script is None:
        return recipes.commands(work.lines)
    script = Path(work.script)
    folder = context / recipes.FOLDER
    folder.mkdir()
    stage(root, script.parent.as_posix(), work.files, folder)
    return recipes.commands(work.lines, script.name)


def _apt_sources(work: Apt) -> Secrets:
    """Where this machine gets a suite's packages, when that is not where the image would."""
    if work.suite is None:
        return Secrets()
    here = sources_for(work.suite.value, work.suite.snapshot)
    kept = sources_kept(work.suite.value, work.suite.snapshot)
    return Secrets() if here == kept else Secrets({recipes.SOURCES: here.encode()})


@contextmanager
def _explained(about: str, log: StepLog, secrets: Secrets, scratch: Path) -> Iterator[None]:
    """Errors name the step, the command and the log, and hold no secret and no place of ours."""
    try:
        yield
    except StackyardError as error:
        what, told = error.message.replace(f'"{scratch / "context"}"', "the context"), ""
        if isinstance(error, CommandFailed):
            command = log.command or error.instruction
            what = f"{command}: ended with exit status {error.status}"
            told = "".join(f"\n    {line}" for line in log.last)
        hint = error.hint or "the log has all that it printed"
        kind = InputError if isinstance(error, InputError) else OutsideError
        raise kind(
            secrets.masked(f"{about}: {what}{told}\n    log: {log.path}"), hint=secrets.masked(hint)
        ) from error
