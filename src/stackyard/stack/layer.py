"""One layer: from what is written to the value."""

from __future__ import annotations

import posixpath
import stat
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from stackyard.stack.check import Loc, check, dotted, locate
from stackyard.stack.document import MappingNode, Node, ScalarNode
from stackyard.stack.include import Definition
from stackyard.stack.paths import PathError, inside, target
from stackyard.stack.problems import Problems
from stackyard.stack.requirements import RequirementError, read_requirements, requirement
from stackyard.stack.source import FilesSource, FromSource, LayerSource, UserSource
from stackyard.stack.values import BaseSource, FileEntry, Healthcheck, Layer, User

_ENGINE = ("containerfile", "run", "finish", "cache", "secrets")


def make_layer(
    name: str, definition: Definition, node: Node, root: Path, shown: Path, problems: Problems
) -> Layer | None:
    """The layer that a node describes; None when something is wrong with it.

    Args:
        name: the layer's name.
        definition: where it is written.
        node: its node, rendered.
        root: the project's folder.
        shown: how messages call that folder.
        problems: what is wrong goes there.
    """
    key = f"layers.{name}"
    source = check(LayerSource, node, key, problems)
    if source is None or not isinstance(node, MappingNode):
        return None
    maker = _Maker(key, definition, node, root, shown, problems)
    base = maker.base(source.base)
    if base is not None and source.on:
        maker.fail(("on",), "a layer with 'from' stands on nothing", "remove 'on' or 'from'")
    bootstrapped = base is not None and base.kind == "debian"
    return Layer(
        name=name,
        on=tuple(dict.fromkeys(source.on)),
        where=definition.where,
        base=base,
        apt=tuple(source.apt) if bootstrapped else (),
        pip=maker.pip(source.pip),
        env=source.env,
        labels=source.labels,
        user=maker.user(source.user),
        workdir=maker.target(("workdir",), source.workdir),
        entrypoint=_command(source.entrypoint),
        cmd=_command(source.cmd),
        healthcheck=_healthcheck(source),
        files=tuple(maker.files(source.files)),
        engine_steps=maker.engine_steps(source, () if bootstrapped else tuple(source.apt)),
        test=tuple(source.test),
    )


@dataclass(frozen=True, slots=True)
class _Maker:
    """Makes the parts that refer to something outside of the layer's text."""

    key: str
    definition: Definition
    node: MappingNode
    root: Path
    shown: Path
    problems: Problems

    def fail(self, path: Loc, message: str, hint: str | None = None) -> None:
        self.problems.add(locate(self.node, path), f"{dotted(self.key, path)}: {message}", hint)

    def path(self, path: Loc, written: str) -> str:
        """A path of the project, relative to its root; as written when it is wrong."""
        try:
            return inside(self.root, self.definition.folder, written)
        except PathError as error:
            self.fail(path, error.message, error.hint)
            return written

    def target(self, path: Loc, written: str | None) -> str | None:
        """A path in the image; as written when it is wrong."""
        try:
            return None if written is None else target(written)
        except PathError as error:
            self.fail(path, error.message, error.hint)
            return written

    def base(self, source: FromSource | None) -> BaseSource | None:
        if source is None:
            return None
        if source.debian is not None:
            return BaseSource("debian", source.debian)
        if source.rootfs is not None:
            return BaseSource("rootfs", self.path(("from", "rootfs"), source.rootfs))
        if source.oci is not None:
            return BaseSource("oci", self.path(("from", "oci"), source.oci))
        reference = source.registry or ""
        if any(letter.isspace() for letter in reference) or "://" in reference:
            expected = "an image reference such as docker.io/library/debian:12"
            self.fail(("from",), f"found {reference!r}, expected {expected}")
        return BaseSource("registry", reference)

    def pip(self, written: list[str]) -> tuple[str, ...]:
        node = self.node.entries.get("pip")
        if isinstance(node, ScalarNode):
            return self._file(written[0])
        found: list[str] = []
        for index, text in enumerate(written):
            try:
                found.append(requirement(text))
            except RequirementError as error:
                self.fail(("pip", index), error.message, error.hint)
        return tuple(found)

    def _file(self, written: str) -> tuple[str, ...]:
        try:
            relative = inside(self.root, self.definition.folder, written)
        except PathError as error:
            hint = error.hint or "write requirements as a list; a single text is a file's path"
            self.fail(("pip",), error.message, hint)
            return ()
        return read_requirements(self.root, self.shown, relative, self.problems)

    def user(self, source: UserSource | None) -> User | None:
        if source is None:
            return None
        gid = source.uid if source.gid is None else source.gid
        home = self.target(("user", "home"), source.home) or f"/home/{source.name}"
        shell = self.target(("user", "shell"), source.shell) or source.shell
        return User(source.name, source.uid, gid, home, shell)

    def files(self, sources: Iterable[FilesSource]) -> Iterable[FileEntry]:
        for index, source in enumerate(sources):
            relative = self.path(("files", index, "from"), source.source)
            to = self.target(("files", index, "to"), source.to) or source.to
            kind = _kind(self.root / relative)
            if kind == "other":
                self.fail(("files", index, "from"), f"{relative!r} is not a file or directory")
            if source.to.endswith("/") and kind == "file":
                to = posixpath.join(to, PurePosixPath(relative).name)
            yield FileEntry(relative, to, source.mode, *source.owner)

    def engine_steps(self, source: LayerSource, apt: tuple[str, ...]) -> dict[str, Any]:
        steps: dict[str, Any] = {"apt": apt} if apt else {}
        for name in _ENGINE:
            value = getattr(source, name)
            if isinstance(value, str):
                steps[name] = self.path((name,), value)
            elif value:
                steps[name] = tuple(value)
        return steps


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
