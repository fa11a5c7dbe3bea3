"""One layer: from what is written to the value."""

from __future__ import annotations

import posixpath
import stat
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from stackyard.stack.check import check
from stackyard.stack.document import MappingNode, ScalarNode
from stackyard.stack.folder import Folder, layer_folder
from stackyard.stack.instructions import read_containerfile
from stackyard.stack.packages import read_packages
from stackyard.stack.paths import PathError, inside
from stackyard.stack.requirements import RequirementError, read_requirements, requirement
from stackyard.stack.source import FilesSource, FromSource, LayerSource, UserSource
from stackyard.stack.values import (
    BaseSource,
    Containerfile,
    FileEntry,
    Healthcheck,
    Layer,
    User,
)
from stackyard.stack.written import Written


def make_layer(written: Written) -> Layer | None:
    """The layer as it is written; None when something is wrong with it.

    A template of a Containerfile is in it as its source, not yet rendered.
    """
    source = check(LayerSource, written.node, f"layers.{written.name}", written.problems)
    if source is None:
        return None
    base = _base(written, source.base)
    if base is not None and source.on:
        written.fail(("on",), "a layer with 'from' stands on nothing", "remove 'on' or 'from'")
    folder = layer_folder(written, source.folder, source.containerfile)
    made = Layer(
        name=written.name,
        on=tuple(dict.fromkeys(source.on)),
        where=written.definition.where,
        base=base,
        apt=_apt(written, source, folder),
        pip=_pip(written, source, folder),
        env=source.env,
        labels=source.labels,
        user=_user(written, source.user),
        workdir=written.target(("workdir",), source.workdir),
        entrypoint=_command(source.entrypoint),
        cmd=_command(source.cmd),
        healthcheck=_healthcheck(source),
        files=tuple(_files(written, source.files)),
        containerfile=_containerfile(written, source, folder),
        run=tuple(source.run),
        script=folder.script,
        finish=tuple(source.finish),
        cache=tuple(dict.fromkeys(source.cache)),
        secrets=tuple(dict.fromkeys(source.secrets)),
        test=tuple(source.test),
    )
    _check_mounts(written, made, has_file=bool(source.containerfile or folder.containerfile))
    return made


def _base(written: Written, source: FromSource | None) -> BaseSource | None:
    if source is None:
        return None
    if source.debian is not None:
        return BaseSource("debian", source.debian, source.snapshot or "")
    if source.rootfs is not None:
        return BaseSource("rootfs", written.path(("from", "rootfs"), source.rootfs))
    if source.oci is not None:
        return BaseSource("oci", written.path(("from", "oci"), source.oci))
    reference = source.registry or ""
    if any(letter.isspace() for letter in reference) or "://" in reference:
        expected = "an image reference such as docker.io/library/debian:12"
        written.fail(("from",), f"found {reference!r}, expected {expected}")
    return BaseSource("registry", reference)


def _apt(written: Written, source: LayerSource, folder: Folder) -> tuple[str, ...]:
    found = list(source.apt)
    if folder.apt is not None:
        found += read_packages(written.root, written.shown, folder.apt, written.problems)
    return tuple(dict.fromkeys(found))


def _pip(written: Written, source: LayerSource, folder: Folder) -> tuple[str, ...]:
    node = written.node.entries.get("pip") if isinstance(written.node, MappingNode) else None
    listed = _file if isinstance(node, ScalarNode) else _list
    found = [*listed(written, source.pip)]
    if folder.pip is not None:
        found += read_requirements(written.root, written.shown, folder.pip, written.problems)
    return tuple(dict.fromkeys(found))


def _list(written: Written, items: list[str]) -> Iterable[str]:
    for index, text in enumerate(items):
        try:
            yield requirement(text)
        except RequirementError as error:
            written.fail(("pip", index), error.message, error.hint)


def _file(written: Written, items: list[str]) -> Iterable[str]:
    try:
        relative = inside(written.root, written.definition.folder, items[0])
    except PathError as error:
        hint = error.hint or "write requirements as a list; a single text is a file's path"
        written.fail(("pip",), error.message, hint)
        return ()
    return read_requirements(written.root, written.shown, relative, written.problems)


def _user(written: Written, source: UserSource | None) -> User | None:
    if source is None:
        return None
    gid = source.uid if source.gid is None else source.gid
    home = written.target(("user", "home"), source.home) or f"/home/{source.name}"
    shell = written.target(("user", "shell"), source.shell) or source.shell
    return User(source.name, source.uid, gid, home, shell)


def _files(written: Written, sources: Iterable[FilesSource]) -> Iterable[FileEntry]:
    for index, source in enumerate(sources):
        relative = written.path(("files", index, "from"), source.source)
        to = written.target(("files", index, "to"), source.to) or source.to
        kind = _kind(written.root / relative)
        if kind == "other":
            written.fail(("files", index, "from"), f"{relative!r} is not a file or directory")
        if source.to.endswith("/") and kind == "file":
            to = posixpath.join(to, PurePosixPath(relative).name)
        yield FileEntry(relative, to, source.mode, *source.owner)


def _containerfile(written: Written, source: LayerSource, folder: Folder) -> Containerfile | None:
    relative = folder.containerfile
    if source.containerfile is not None:
        try:
            relative = inside(written.root, written.definition.folder, source.containerfile)
        except PathError as error:
            written.fail(("containerfile",), error.message, error.hint)
            return None
    if relative is not None:
        return read_containerfile(written, relative, source.args)
    if source.args:
        hint = "give a containerfile; what 'run' needs can be written into its commands"
        written.fail(("args",), "build arguments are for a containerfile, and there is none", hint)
    return None


def _check_mounts(written: Written, layer: Layer, *, has_file: bool) -> None:
    # A Containerfile that is wrong is one all the same; what is wrong with it is told.
    commands = layer.run or layer.script or layer.finish
    if layer.cache and not commands:
        hint = "in a Containerfile write RUN --mount=type=cache,target=DIR"
        written.fail(("cache",), "it is for run, run.sh and finish, and there is none", hint)
    if layer.secrets and not commands and not has_file:
        message = "they are for run, run.sh, finish and containerfile, and there is none"
        written.fail(("secrets",), message, "remove them, or the step that needs them is missing")


def _kind(path: Path) -> str:
    try:
        mode = path.stat().st_mode
    except OSError:
        return "missing"  # told already
    if stat.S_ISREG(mode):
        return "file"
    return "directory" if stat.S_ISDIR(mode) else "other"


def _command(words: list[str] | None) -> tuple[str, ...] | None:
    return None if words is None else tuple(words)


def _healthcheck(source: LayerSource) -> Healthcheck | None:
    written = source.healthcheck
    if written is None:
        return None
    test = tuple(written.test)
    if test and test[0] not in {"NONE", "CMD", "CMD-SHELL"}:
        test = ("CMD", *test)
    return Healthcheck(
        test, written.interval, written.timeout, written.start_period, written.retries
    )
