"""Image layers by hand."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from stackyard.inventory.filesystem import FileSystem, read_files
from stackyard.oci.layer import layer_from_tar
from stackyard.oci.store import Store

Content = str | bytes | tarfile.TarInfo | None
"""Of a file; None for a directory; a TarInfo (its name is set) for anything else."""

Files = Callable[..., FileSystem]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store.open(tmp_path / "store")


@pytest.fixture
def image(store: Store) -> Files:
    """Makes the files of an image from layers: mappings of name to `Content`."""

    def make(*layers: dict[str, Content]) -> FileSystem:
        return read_files(
            store, [layer_from_tar(store, io.BytesIO(archive(layer))) for layer in layers]
        )

    return make


def archive(members: dict[str, Content], form: int = tarfile.PAX_FORMAT) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=form) as tar:
        for name, content in members.items():
            info = content if isinstance(content, tarfile.TarInfo) else tarfile.TarInfo()
            info.name = name
            data = content.encode() if isinstance(content, str) else content
            if content is None:
                info.type, info.mode = tarfile.DIRTYPE, 0o755
            if isinstance(data, bytes):
                info.size, info.mode = len(data), 0o755 if "/bin/" in name else 0o644
            tar.addfile(info, io.BytesIO(data) if isinstance(data, bytes) else None)
    return out.getvalue()


@pytest.fixture(scope="session")
def tar_of() -> Callable[..., bytes]:
    return archive


@pytest.fixture(scope="session")
def link() -> Callable[..., tarfile.TarInfo]:
    """A symbolic link, or with ``hard=True`` a hard one."""

    def make(target: str, *, hard: bool = False) -> tarfile.TarInfo:
        info = tarfile.TarInfo()
        info.type = tarfile.LNKTYPE if hard else tarfile.SYMTYPE
        info.linkname = target
        return info

    return make
