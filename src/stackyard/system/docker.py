"""docker with BuildKit as an engine, by docker's own program.

https://docs.docker.com/reference/cli/docker/buildx/build/

docker knows an image by digest only when it came from a registry. So a parent goes in
under a name that holds the digest of its config, which nothing else can have, and it
stays there for the next step; what a step made is taken away as soon as it is read.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from stackyard.errors import InputError, OutsideError, StackyardError
from stackyard.oci.digest import hex_of, sha256
from stackyard.oci.disk import disk
from stackyard.oci.documents import canonical
from stackyard.oci.image import RuntimeConfig
from stackyard.oci.squash import squash
from stackyard.oci.store import Store
from stackyard.system.dirimage import config_document
from stackyard.system.docker_archive import Patient, take_layers
from stackyard.system.docker_client import (
    Found,
    ask,
    ask_versions,
    environment,
    find_docker,
    proxy_names,
)
from stackyard.system.docker_errors import explained
from stackyard.system.docker_load import load_parent
from stackyard.system.engine import Hear, Job, Result
from stackyard.system.heredocs import without_heredocs
from stackyard.system.program import streaming
from stackyard.system.spawn import run_engine

__all__ = ["Docker", "Found", "find_docker"]

_PARENT = "localhost/stackyard-parent"
_STEP = "localhost/stackyard-step"
_KNOWS_HEREDOCS = (23, 0)
_TELLS_ITS_CONTEXT = (23, 0)
_LAST_LINES = 200
_SYNTAX = re.compile(r"\s*#\s*syntax\s*=", re.IGNORECASE)


class Docker:
    """A docker daemon.

    Args:
        program: docker's path, from `find_docker`.
        store: has the layers of all parents.

    Raises:
        OutsideError: the daemon does not answer.
    """

    name = "docker"

    def __init__(self, program: str, store: Store) -> None:
        self._program = program
        self._store = store
        self._env = environment()
        versions = ask_versions(program, self._env)
        if versions.server is None:
            raise OutsideError("the docker daemon does not answer", hint="start it")
        self._server = versions.server
        if versions.client >= _TELLS_ITS_CONTEXT:
            # The builder that is in the daemon, whichever the user chose with buildx:
            # others do not see the daemon's images.
            self._env["BUILDX_BUILDER"] = self._ask("context", "show")
        self._names: dict[str, threading.Lock] = {}
        self._guard = threading.Lock()

    def build(self, job: Job, hear: Hear) -> Result:
        """Run the instructions on the parent; see `Engine`."""
        parent = f"{_PARENT}:{hex_of(sha256(config_document(job.parent)))}"
        with self._alone(parent):
            if not self._has(parent):
                load_parent(self._program, self._env, self._store, job, parent, hear)
        told = [job.containerfile, job.argument, dict(job.args), parent, str(self._store.root)]
        # The same name when it is done again, so that what a killed process left is found.
        made = f"{_STEP}:{hex_of(sha256(canonical(told)))}"
        with self._alone(made):
            self._remove(made)
            try:
                self._run_build(job, parent, made, hear)
                return self._read_back(job, made)
            finally:
                self._remove(made)

    @contextmanager
    def _alone(self, name: str) -> Iterator[None]:
        with self._guard:
            lock = self._names.setdefault(name, threading.Lock())
        with lock:
            yield

    def _remove(self, name: str) -> None:
        with suppress(StackyardError):
            self._ask("image", "rm", name, check=False)

    def _has(self, name: str) -> bool:
        return bool(self._ask("image", "inspect", "--format", "{{.Id}}", name, check=False))

    # The build

    def _run_build(self, job: Job, parent: str, made: str, hear: Hear) -> None:
        file = job.scratch / "Containerfile"
        with disk(f"writing {file}"):
            file.write_text(self._instructions(job))
        args = {job.argument: parent, **job.args}
        command = [
            *(self._program, "build", "--progress", "plain", "--network", "host"),
            *("--platform", str(job.parent.platform), "--file", str(file), "--tag", made),
            *(word for item in args.items() for word in ("--build-arg", "=".join(item))),
            # By name only: they may hold a password.
            *(word for name in proxy_names() for word in ("--build-arg", name)),
            *(word for item in job.secrets.items() for word in ("--secret", _secret(*item))),
            str(job.context),
        ]
        lines: list[str] = []

        def listen(line: str) -> None:
            lines.append(line)
            del lines[:-_LAST_LINES]
            hear(line)

        code = run_engine(
            command, env=self._env, hear=listen, timeout=job.timeout, doing="docker build"
        )
        if code:
            raise self._failure(code, lines, parent)

    def _instructions(self, job: Job) -> str:
        """As the BuildKit in the daemon knows them, unless they name another one to read them."""
        text = job.containerfile
        if self._server >= _KNOWS_HEREDOCS or _SYNTAX.match(text):
            return text
        return without_heredocs(text, job.parent.config, job.argument, args=job.all_args)

    def _failure(self, code: int, lines: Sequence[str], parent: str) -> StackyardError:
        error = explained("build", code, lines)
        if parent in error.message and not self._has(parent):
            return OutsideError(
                "docker build: somebody removed the image that the step stands on",
                hint="run again",
            )
        return error

    # What was made

    def _read_back(self, job: Job, made: str) -> Result:
        document = self._inspected(made)
        layers = [str(digest) for digest in document["RootFS"].get("Layers") or ()]
        below = [layer.diff_id for layer in job.parent.layers]
        if layers[: len(below)] != below:
            raise InputError(
                f"the last stage does not stand on what the layer stands on ({job.argument})",
                hint=f"end with a stage that begins: FROM ${job.argument}",
            )
        config = RuntimeConfig.from_json(document.get("Config") or {})
        above = layers[len(below) :]
        if not above:
            return Result((), config)
        with disk(f"writing to {job.scratch}"):
            return Result((self._archive(job, made, above, below),), config)

    def _inspected(self, name: str) -> dict[str, Any]:
        text = self._ask("image", "inspect", name)
        try:
            found: dict[str, Any] = json.loads(text)[0]
        except (ValueError, LookupError) as error:
            raise OutsideError(
                f"docker image inspect: an answer that is not understood ({error})",
                hint="use another version of docker, or another engine: --engine buildah",
            ) from error
        return found

    def _archive(self, job: Job, made: str, above: list[str], below: list[str]) -> Path:
        found = self._saved(made, set(above), set(below), job)
        if len(above) == 1:
            return found[above[0]]
        whole = job.scratch / "layer.tar"
        with whole.open("wb") as out:
            squash([found[digest] for digest in above], out)
        return whole

    def _saved(self, made: str, wanted: set[str], known: set[str], job: Job) -> Mapping[str, Path]:
        """Some layers of an image, by digest: docker gives only all of them."""
        folder = job.scratch / "layers"
        folder.mkdir()
        saving = streaming(
            ["setpriv", "--pdeathsig", "KILL", self._program, "save", made],
            given=b"",
            env=self._env,
            report=lambda _: None,
            explain=lambda lines, code: explained("save", code, lines),
            polite=False,
        )
        try:
            with saving as stream:
                return take_layers(Patient(stream, job.timeout), wanted, known, folder)
        except InputError as error:
            raise OutsideError(
                error.message, hint="run again, or use another engine: --engine buildah"
            ) from error

    def _ask(self, *words: str, check: bool = True) -> str:
        return ask([self._program, *words], self._env, check=check)


def _secret(name: str, path: Path) -> str:
    """As docker takes it: fields of CSV."""
    quoted = str(path).replace('"', '""')
    return f'id={name},"src={quoted}"'
