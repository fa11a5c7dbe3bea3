"""Running the hub: its processes, what it tells, and its end."""

from __future__ import annotations

import json
import os
import secrets
import select
import socket
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from stackyard.errors import InputError, OutsideError
from stackyard.hub.preview.children import Child
from stackyard.hub.preview.engine import Engine
from stackyard.hub.preview.environment import Environment
from stackyard.hub.preview.sessions import LABEL, Session

_START = 60.0  # seconds for the hub to answer
_TICK = 0.2  # seconds between looks at the log
_LOOPBACK = "127.0.0.1"
_NO_PROXY = urllib.request.build_opener(urllib.request.ProxyHandler({}))

Listener = Callable[[Mapping[str, Any]], None]
"""Told what happens: one of the events of `hubside.podspawner`."""


@dataclass(frozen=True)
class Running:
    """A hub that answers.

    Attributes:
        password: of this session, for every user.
    """

    address: str
    password: str
    log: Path
    _hub: Child
    _events: int

    def watch(self, listener: Listener, show: Callable[[str], None] | None) -> None:
        """Tell what happens, until the hub ends by itself.

        Args:
            listener: told of each event.
            show: told each line of the hub's log, when given.

        Raises:
            OutsideError: the hub ended.
        """
        rest = b""
        with self.log.open(errors="replace") as log:
            while True:
                if select.select([self._events], [], [], _TICK)[0]:
                    piece = os.read(self._events, 1 << 16)
                    if not piece:
                        break
                    *lines, rest = (rest + piece).split(b"\n")
                    for line in lines:
                        listener(json.loads(line))
                if show:
                    for text in log:
                        show(text.rstrip("\n"))
        raise OutsideError(
            f"the preview hub ended by itself:\n{self._hub.last_words()}",
            hint=f"its whole log is {self.log}",
        )


def check_port(port: int) -> None:
    """See whether a port of the loopback device is free.

    Raises:
        InputError: it is taken, or this user may not have it.
    """
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((_LOOPBACK, port))
        except OSError as error:
            raise InputError(
                f"port {port} of {_LOOPBACK} cannot be had: {error.strerror}",
                hint="take another --port, or none for any that is free",
            ) from error


def free_ports(count: int) -> list[int]:
    """Ports of the loopback device on which nobody listens, all different."""
    with ExitStack() as held:
        probes = [held.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind((_LOOPBACK, 0))
        return [probe.getsockname()[1] for probe in probes]


@contextmanager
def running(
    environment: Environment,
    engine: Engine,
    session: Session,
    profiles: Sequence[Mapping[str, Any]],
    port: int | None,
) -> Iterator[Running]:
    """The hub, from when it answers until the block ends.

    Args:
        environment: what it runs in.
        engine: what its servers run in.
        session: whose folder and log it uses.
        profiles: the list that it offers; every image is in the engine.
        port: where it listens on the loopback device; None for any free one.

    Raises:
        OutsideError: it does not start.
    """
    own_port, hub_port, proxy_port = free_ports(3)
    own_port = port or own_port
    password = secrets.token_urlsafe(12)
    reading, writing = os.pipe()
    settings = session.folder / "settings.json"
    with (
        os.fdopen(reading, "rb", buffering=0),
        os.fdopen(writing, "wb") as writer,
        engine.api(session.folder, session.log) as address,
    ):
        _write_secret(
            settings,
            {
                "port": own_port,
                "hub_port": hub_port,
                "proxy_port": proxy_port,
                # Ends with the hub, however that ends.
                "proxy": ["setpriv", "--pdeathsig", "KILL", *environment.proxy],
                "password": password,
                "events": writing,
                "engine": engine.name,
                "address": address,
                "limits": dict(engine.limits),
                "prefix": f"stackyard-hub-{session.name}",
                "labels": {LABEL: session.name},
                "profiles": list(profiles),
            },
        )
        with _hub(environment, session, settings, writing) as hub:
            writer.close()  # so that the pipe ends with the hub
            url = f"http://{_LOOPBACK}:{own_port}"
            if not hub.until(lambda: _answers(f"{url}/hub/login"), seconds=_START):
                raise OutsideError(
                    f"the preview hub did not start:\n{hub.last_words()}",
                    hint=f"its whole log is {session.log}; other versions are had with --with",
                )
            yield Running(url, password, session.log, hub, reading)


def _hub(
    environment: Environment, session: Session, settings: Path, events: int
) -> AbstractContextManager[Child]:
    config = str(files("stackyard.hub.preview.hubside") / "jupyterhub_config.py")
    env = {
        "HOME": str(session.folder),
        "PATH": os.environ.get("PATH", os.defpath),
        "LANG": "C.UTF-8",
        "PYTHONDONTWRITEBYTECODE": "1",
        "STACKYARD_PREVIEW": str(settings),
    }
    return Child.started(
        # -I: neither the user's packages nor the current folder's count.
        [str(environment.python), "-I", "-m", "jupyterhub", "--config", config],
        env,
        session.log,
        cwd=session.folder,
        keep=[events],
    )


def _write_secret(path: Path, value: Mapping[str, Any]) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        json.dump(value, file)


def _answers(url: str) -> bool:
    try:
        with _NO_PROXY.open(url, timeout=2) as reply:
            return bool(reply.status == 200)
    except (urllib.error.URLError, OSError, ValueError):
        return False
