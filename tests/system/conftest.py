"""Bases to bring in, and a place to bring them to."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from stackyard.oci.store import Store
from stackyard.stack.values import BaseSource
from stackyard.system.base import PreparedBase, prepare


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store.open(tmp_path / "store")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    path = tmp_path / "project"
    path.mkdir()
    return path


@pytest.fixture
def bring(store: Store, root: Path) -> Callable[..., PreparedBase]:
    """`prepare` with everything but the source told; ``lines`` are what it reported."""

    def call(kind: str, value: str, **other: object) -> PreparedBase:
        told = {"platform": "linux/amd64", "apt": (), "pinned": None, "report": lambda _: None}
        settings = {"store": store, "root": root, **told, **other}
        return prepare(BaseSource(kind, value), **settings)

    return call


def members() -> bytes:
    """A small root file system with one of everything."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name, kind, target in (
            ("./", tarfile.DIRTYPE, ""),
            ("./etc", tarfile.DIRTYPE, ""),
            ("./etc/os-release", tarfile.REGTYPE, ""),
            ("./dev/null", tarfile.CHRTYPE, ""),
            ("./etc/mtab", tarfile.SYMTYPE, "/proc/mounts"),
            ("./etc/copy", tarfile.LNKTYPE, "./etc/os-release"),
        ):
            info = tarfile.TarInfo(name)
            info.type, info.linkname, info.mtime = kind, target, 1234
            info.mode = 0o755 if kind == tarfile.DIRTYPE else 0o644
            data = b"ID=toy\n" if kind == tarfile.REGTYPE else b""
            info.size = len(data)
            if kind == tarfile.CHRTYPE:
                info.devmajor, info.devminor = 1, 3
            tar.addfile(info, io.BytesIO(data))
    return out.getvalue()


@pytest.fixture(scope="session")
def rootfs() -> bytes:
    return members()
