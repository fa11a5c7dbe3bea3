"""Images made by hand, with the records of packages in them."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Mapping
from datetime import UTC, datetime

from stackyard.oci.assemble import assemble
from stackyard.oci.descriptor import Platform
from stackyard.oci.image import History, RuntimeConfig, StoredImage, read_image
from stackyard.oci.layer import layer_from_tar
from stackyard.oci.store import Store

SITE = "usr/local/lib/python3.11/site-packages"
AMD64 = Platform("linux", "amd64")

Content = str | bytes | tarfile.TarInfo | None
"""Of a file; None for a directory; a TarInfo (its name is set) for anything else."""


def tar_of(members: Mapping[str, Content]) -> bytes:
    """A tar archive."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name, content in members.items():
            info = content if isinstance(content, tarfile.TarInfo) else tarfile.TarInfo()
            info.name = name
            data = content.encode() if isinstance(content, str) else content
            if content is None:
                info.type = tarfile.DIRTYPE
            if isinstance(data, bytes):
                info.size = len(data)
            tar.addfile(info, io.BytesIO(data) if isinstance(data, bytes) else None)
    return out.getvalue()


def link(target: str, *, hard: bool = False) -> tarfile.TarInfo:
    """A symbolic link, or a hard one."""
    info = tarfile.TarInfo()
    info.type = tarfile.LNKTYPE if hard else tarfile.SYMTYPE
    info.linkname = target
    return info


def image_of(
    store: Store,
    *layers: Mapping[str, Content] | bytes,
    history: tuple[History, ...] = (),
    config: RuntimeConfig | None = None,
    platform: Platform = AMD64,
) -> StoredImage:
    """An image in a store, from its layers' members or archives."""
    archives = [layer if isinstance(layer, bytes) else tar_of(layer) for layer in layers]
    found = [layer_from_tar(store, io.BytesIO(archive)) for archive in archives]
    manifest = assemble(
        store,
        platform=platform,
        layers=list(zip(found, history or [History("made by hand")] * len(found), strict=True)),
        config=config or RuntimeConfig(),
        annotations={},
        created=datetime(2026, 1, 1, tzinfo=UTC),
    )
    return read_image(store, manifest)


def status(*packages: str, state: str = "install ok installed") -> str:
    """dpkg's status with packages such as ``git=1.0`` or ``libc6:i386=2``."""
    stanzas = []
    for package in packages:
        name, _, version = package.partition("=")
        name, _, architecture = name.partition(":")
        stanzas.append(
            f"Package: {name}\nStatus: {state}\nInstalled-Size: 7\nDescription: some\n more\n"
            f" Version: not this one\nArchitecture: {architecture or 'amd64'}\n"
            f"Version: {version}\n"
        )
    return "\n".join(stanzas)


def dist(
    name: str, version: str, folder: str = SITE, more: str = "", **files: str
) -> dict[str, Content]:
    """The files of a Python package as its installer leaves them."""
    info = f"{folder}/{name}-{version}.dist-info"
    made = {f"{folder}/{path.replace('__', '/')}.py": text for path, text in files.items()}
    rows = [f"{path.removeprefix(folder + '/')},," for path in made]
    return made | {
        f"{info}/METADATA": f"Name: {name}\nVersion: {version}\n{more}\nBody",
        f"{info}/RECORD": "\n".join(rows),
    }
