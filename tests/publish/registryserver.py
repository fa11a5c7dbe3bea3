"""Docker's registry on loopback."""

from __future__ import annotations

import os
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

ACCEPT = "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def serve(folder: Path, *, delete: bool = False) -> Iterator[str]:
    """Docker's registry with its data in a folder; gives its host and port."""
    port = free_port()
    config = folder / "registry.yml"
    config.write_text(
        "version: 0.1\nlog: {level: error}\n"
        f"storage: {{filesystem: {{rootdirectory: {folder / 'registry'}}},"
        f" delete: {{enabled: {str(delete).lower()}}}}}\n"
        f'http: {{addr: "127.0.0.1:{port}"}}\n'
    )
    with (folder / "registry.log").open("wb") as log:
        process = subprocess.Popen(
            ["docker-registry", "serve", str(config)],
            stdout=log,
            stderr=log,
            env={"PATH": os.environ["PATH"]},
        )
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                break
        time.sleep(0.02)
    yield f"127.0.0.1:{port}"
    process.terminate()
    process.wait(10)


def ask(registry: str, path: str) -> tuple[Any, str]:
    """A document of the registry and its digest."""
    answer = httpx.get(f"http://{registry}/v2/{path}", headers={"Accept": ACCEPT}, timeout=10)
    answer.raise_for_status()
    return answer.json(), answer.headers.get("Docker-Content-Digest", "")
