"""What the tests of the OCI core share: a store, and small images in it."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path

import pytest

from stackyard.oci.assemble import assemble
from stackyard.oci.descriptor import Descriptor, Platform
from stackyard.oci.image import History, RuntimeConfig
from stackyard.oci.layer import Layer, layer_from_tar
from stackyard.oci.store import Store

CREATED = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
AMD64 = Platform("linux", "amd64")

MakeLayer = Callable[[Mapping[str, bytes]], Layer]
MakeImage = Callable[..., Descriptor]


def archive_of(files: Mapping[str, bytes]) -> bytes:
    """A tar archive as tarfile writes it."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return out.getvalue()


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store.open(tmp_path / "store")


@pytest.fixture
def make_layer(store: Store) -> MakeLayer:
    return lambda files: layer_from_tar(store, io.BytesIO(archive_of(files)))


@pytest.fixture
def make_image(store: Store, make_layer: MakeLayer) -> MakeImage:
    def make(*contents: Mapping[str, bytes], platform: Platform = AMD64) -> Descriptor:
        return assemble(
            store,
            platform=platform,
            layers=[(make_layer(files), History("test")) for files in contents],
            config=RuntimeConfig(env={"A": "1"}, cmd=("/hello",)),
            annotations={},
            created=CREATED,
        )

    return make
