from __future__ import annotations

import base64
import csv
import gzip
import hashlib
import io
import tarfile
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from stackyard.inventory.facts import Scheme
from stackyard.oci.layer import Layer
from stackyard.oci.store import Store
from stackyard.pack.group import pack_group
from stackyard.pack.segment import Segment, pack_segment
from stackyard.pack.task import WheelTask

SITE = "usr/local/lib/python3.11/dist-packages"
SCHEME = Scheme(SITE, SITE, "usr/local/bin", "usr/local", "usr/local/include/python3.11")
TIME = (2024, 5, 6, 7, 8, 10)

Zipped = tuple[zipfile.ZipInfo | str, bytes]


def record_of(files: Mapping[str, bytes], record: str) -> bytes:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    for name, data in files.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).decode().rstrip("=")
        writer.writerow((name, f"sha256={digest}", len(data)))
    writer.writerow((record, "", ""))
    return out.getvalue().encode()


def zip_bytes(entries: list[Zipped]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in entries:
            archive.writestr(file_info(name) if isinstance(name, str) else name, data)
    return out.getvalue()


def wheel_files(
    name: str, version: str, files: Mapping[str, bytes], *, pure: bool = True
) -> dict[str, bytes]:
    info = f"{name}-{version}.dist-info"
    whole = {
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n".encode(),
        f"{info}/WHEEL": (
            f"Wheel-Version: 1.0\nGenerator: t\nRoot-Is-Purelib: {str(pure).lower()}\n"
            "Tag: py3-none-any\n"
        ).encode(),
        **files,
    }
    whole[f"{info}/RECORD"] = record_of(whole, f"{info}/RECORD")
    return whole


def file_info(name: str, mode: int = 0o100644) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name, TIME)
    info.external_attr = mode << 16
    info.compress_type = zipfile.ZIP_DEFLATED
    return info


def task_for(filename: str, data: bytes, **changes: object) -> WheelTask:
    task = WheelTask(
        filename=filename,
        sha256=hashlib.sha256(data).hexdigest(),
        scheme=SCHEME,
        interpreter="/usr/bin/python3.11",
        python_minor="3.11",
        requested=False,
        bytecode=False,
    )
    return replace(task, **changes)  # type: ignore[arg-type]


@dataclass(frozen=True)
class Packer:
    """Packs wheels that tests make."""

    store: Store
    folder: Path
    zip_bytes = staticmethod(zip_bytes)
    wheel_files = staticmethod(wheel_files)
    record_of = staticmethod(record_of)
    file_info = staticmethod(file_info)
    task_for = staticmethod(task_for)

    def segment(self, filename: str, data: bytes, **changes: object) -> Segment:
        path = self.folder / "some.file"
        path.write_bytes(data)
        return pack_segment(
            task_for(filename, data, **changes), path, self.store.cache("segments"), None
        )

    def wheel(self, name: str, version: str, files: Mapping[str, bytes]) -> Segment:
        data = zip_bytes(list(wheel_files(name, version, files).items()))
        return self.segment(f"{name}-{version}-py3-none-any.whl", data)

    def unpack(self, *segments: Segment) -> dict[str, tuple[tarfile.TarInfo, bytes]]:
        return self.unpack_layer(pack_group(self.store, segments))

    def unpack_layer(self, layer: Layer) -> dict[str, tuple[tarfile.TarInfo, bytes]]:
        return unpack(self.store, layer)


def unpack(store: Store, layer: Layer) -> dict[str, tuple[tarfile.TarInfo, bytes]]:
    """The members of a layer by name, after its digests were checked."""
    blob = store.blob_path(layer.descriptor.digest).read_bytes()
    assert len(blob) == layer.descriptor.size
    tar = gzip.decompress(blob)
    assert f"sha256:{hashlib.sha256(tar).hexdigest()}" == layer.diff_id
    assert len(tar) == layer.size
    found = {}
    with tarfile.open(fileobj=io.BytesIO(tar)) as archive:
        for member in archive:
            assert member.name not in found
            stream = archive.extractfile(member) if member.isreg() else None
            found[member.name] = (member, stream.read() if stream else b"")
    return found


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store.open(tmp_path / "store")


@pytest.fixture
def packer(store: Store, tmp_path: Path) -> Packer:
    return Packer(store, tmp_path)
