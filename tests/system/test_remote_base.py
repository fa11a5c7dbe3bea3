from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from stackyard.errors import InputError, OutsideError
from stackyard.oci.registry.client import Registry
from stackyard.oci.registry.push import push
from stackyard.oci.store import Store

pytestmark = pytest.mark.real


@pytest.fixture
def registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Docker's registry on loopback: its host and port."""
    monkeypatch.setenv("HOME", str(tmp_path))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        host = f"127.0.0.1:{probe.getsockname()[1]}"
    config = tmp_path / "registry.yml"
    config.write_text(
        "version: 0.1\nlog: {level: error}\n"
        f"storage: {{filesystem: {{rootdirectory: {tmp_path / 'registry'}}}}}\n"
        f'http: {{addr: "{host}"}}\n'
    )
    process = subprocess.Popen(
        ["docker-registry", "serve", str(config)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        address = ("127.0.0.1", int(host.rpartition(":")[2]))
        for _ in range(300):
            with suppress(OSError), socket.create_connection(address, timeout=1):
                break
            time.sleep(0.05)
        yield host
    finally:
        process.terminate()
        process.wait()


def publish(bring, store: Store, root: Path, rootfs: bytes, registry: str) -> str:
    (root / "r.tar").write_bytes(rootfs)
    made = bring("rootfs", "r.tar")
    with Registry(registry) as client:
        push(client, store, made.manifest, "acme/base", ["1"])
    return made.digest


def test_a_registry_image_is_a_base(bring, store, root, rootfs, registry, tmp_path) -> None:
    first = publish(bring, store, root, rootfs, registry)
    second = publish(bring, store, root, rootfs.replace(b"ID=toy", b"ID=two"), registry)
    mine = Store.open(tmp_path / "mine")
    reference = f"{registry}/acme/base:1"
    assert bring("registry", reference, store=mine).digest == second
    # A pin holds against a moved tag; what is here needs no registry.
    assert bring("registry", reference, store=mine, pinned=first).digest == first
    lines: list[str] = []
    again = bring("registry", reference, store=mine, pinned=first, report=lines.append)
    assert (again.digest, lines) == (first, [])
    assert bring("registry", reference, store=mine).digest == second


def test_errors_of_a_registry(bring, store, root, rootfs, registry) -> None:
    publish(bring, store, root, rootfs, registry)
    with pytest.raises(InputError, match="linux/arm64"):
        bring("registry", f"{registry}/acme/base:1", platform="linux/arm64")
    with pytest.raises(OutsideError):
        bring("registry", f"{registry}/acme/other:1")
    with pytest.raises(InputError, match="reference"):
        bring("registry", "https://ghcr.io/acme/base")
