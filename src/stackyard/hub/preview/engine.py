"""docker or podman on this machine, as far as a preview needs them."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

from stackyard.errors import InputError, OutsideError, StackyardError
from stackyard.hub.preview.children import Child
from stackyard.oci.disk import outside

EngineName = Literal["docker", "podman"]

_PATIENCE = 60.0  # seconds for what ought to take a moment
_START = {
    "docker": "start its daemon (systemctl start docker), see that you may use it (group docker)",
    "podman": "see what `podman info` says",
}
_INSTALL = {
    "docker": "install it (apt-get install docker.io)",
    "podman": "install it (apt-get install podman)",
}
_LOCAL = (
    "containers of the preview are reached on this machine's loopback device: run it where"
    " the engine is, or take another --engine"
)


@dataclass(frozen=True)
class Engine:
    """An engine that answers.

    Attributes:
        program: its path.
        address: of docker's API; empty for podman, whose service has to be started.
        limits: which limits containers can have.
    """

    name: EngineName
    program: str
    address: str = ""
    limits: Mapping[str, bool] = field(default_factory=dict)

    def ask(self, *words: str, check: bool = True) -> str:
        """What a short call prints.

        Raises:
            OutsideError: it hangs or, with *check*, fails.
        """
        return ask(self.name, [self.program, *words], check=check)

    def image(self, name: str) -> dict[str, Any] | None:
        """What the engine knows of an image; None when it has none of that name."""
        told = self.ask("image", "inspect", name, check=False)
        try:
            (found,) = json.loads(told)
        except ValueError:
            return None
        return found if isinstance(found, dict) else None

    def remove(self, label: str) -> None:
        """Remove all containers and volumes with a label, running or not.

        Raises:
            OutsideError: the engine does not answer, or refuses.
        """
        only = ("--quiet", "--filter", f"label={label}")
        if containers := self.ask("ps", "--all", "--no-trunc", *only).split():
            self.ask("rm", "--force", "--volumes", *containers)
        if volumes := self.ask("volume", "ls", *only).split():
            self.ask("volume", "rm", "--force", *volumes)

    @contextmanager
    def api(self, folder: Path, log: Path) -> Iterator[str]:
        """The address of docker's API, for as long as the block runs.

        Args:
            folder: short-lived and short of name, for podman's socket.
            log: where podman's service writes.

        Raises:
            OutsideError: podman's service does not start.
        """
        if self.address:
            yield self.address
            return
        socket = folder / "podman.sock"
        command = [self.program, "system", "service", "--time=0", f"unix://{socket}"]
        with Child.started(command, os.environ, log, cwd=folder) as service:
            if not service.until(socket.exists, seconds=20):
                raise OutsideError(
                    f"podman's service did not start: {service.last_words()}",
                    hint=_START["podman"],
                )
            yield f"unix://{socket}"


def find_engine(name: EngineName | None) -> Engine:
    """The engine that was asked for; else docker if it answers, else podman.

    Raises:
        InputError: it runs containers on another machine.
        OutsideError: it is not installed, or does not answer.
    """
    if name:
        return _found(name)
    reasons: list[StackyardError] = []
    for candidate in get_args(EngineName):
        try:
            return _found(candidate)
        except StackyardError as error:
            reasons.append(error)
    raise OutsideError(
        "\n".join(error.message for error in reasons),
        hint="one of the two is enough. "
        + "; ".join(
            f"{which}: {error.hint}" for which, error in zip(_INSTALL, reasons, strict=True)
        ),
    )


def _found(name: EngineName) -> Engine:
    return _docker() if name == "docker" else _podman()


def _docker() -> Engine:
    program = _program("docker")
    info = _json("docker", program, "info", "--format", "{{json .}}")
    if not info.get("ServerVersion"):
        why = "; ".join(map(str, info.get("ServerErrors") or ["its daemon does not answer"]))
        raise OutsideError(f"docker: {why}", hint=_START["docker"])
    inspect = "{{json .Endpoints.docker.Host}}"
    address = json.loads(
        ask("docker", [program, "context", "inspect", "--format", inspect]) or '""'
    )
    rootless = any("rootless" in str(option) for option in info.get("SecurityOptions") or ())
    if not address.startswith("unix://") or info.get("OperatingSystem") == "Docker Desktop":
        raise InputError(f"docker runs its containers elsewhere: {address}", hint=_LOCAL)
    if rootless:
        raise InputError(
            "docker runs rootless here, in a network of its own",
            hint="take --engine podman, or a docker daemon of the system",
        )
    limits = {"memory": bool(info.get("MemoryLimit")), "cpu": bool(info.get("CpuCfsQuota"))}
    return Engine("docker", program, address, limits)


def _podman() -> Engine:
    program = _program("podman")
    info = _json("podman", program, "info", "--format", "json")
    host = info.get("host") or {}
    if host.get("serviceIsRemote"):
        raise InputError("podman runs its containers elsewhere", hint=_LOCAL)
    controllers = host.get("cgroupControllers") or ()
    rootless = bool((host.get("security") or {}).get("rootless"))
    limits = {kind: kind in controllers or not rootless for kind in ("memory", "cpu")}
    return Engine("podman", program, limits=limits)


def _program(name: str) -> str:
    program = shutil.which(name)
    if program is None:
        raise OutsideError(f"{name} is not installed", hint=_INSTALL[name])
    return program


def _json(name: str, *command: str) -> dict[str, Any]:
    with suppress(ValueError):
        found = json.loads(ask(name, command, check=False))
        if isinstance(found, dict):
            return found
    ask(name, command)  # for its words
    raise OutsideError(f"{name}: {' '.join(command[1:])}: no JSON", hint=_START[name])


def ask(name: str, command: Sequence[str], *, check: bool = True) -> str:
    """What an engine's short call prints to standard output.

    Raises:
        OutsideError: it cannot be started, hangs or, with *check*, fails.
    """
    doing = " ".join([name, *command[1:3]])
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_PATIENCE,
            start_new_session=True,  # Ctrl-C is ours to answer
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise OutsideError(f"{doing}: no answer in {_PATIENCE:g} s", hint=_START[name]) from error
    except OSError as error:
        raise outside(f"starting {command[0]}", error) from error
    if check and done.returncode:
        why = done.stderr.strip().rpartition("\n")[2]
        raise OutsideError(f"{doing}: {why or f'exit code {done.returncode}'}", hint=_START[name])
    return done.stdout.strip()
