from __future__ import annotations

import io
import json
import subprocess
import tarfile
from dataclasses import replace
from pathlib import Path

import pytest

from stackyard.errors import OutsideError
from stackyard.oci.descriptor import Platform
from stackyard.oci.digest import sha256
from stackyard.oci.image import RuntimeConfig
from stackyard.oci.layer import Layer, layer_from_tar
from stackyard.oci.store import Store
from stackyard.system.dirimage import config_document, write_dir
from stackyard.system.engine import Parent


def layer(store: Store, name: str) -> Layer:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        tar.addfile(tarfile.TarInfo(name))
    out.seek(0)
    return layer_from_tar(store, out)


@pytest.fixture
def parent(store: Store) -> Parent:
    config = RuntimeConfig(env={"A": "1"}, shell=("/bin/x", "-c"), on_build=("y",))  # noqa: S604
    one = layer(store, "a")
    return Parent((one, layer(store, "b"), one), config, Platform("linux", "arm64", "v8"))


def test_the_parts_are_what_their_digests_say(parent: Parent, store: Store, tmp_path: Path) -> None:
    folder = tmp_path / "image"
    folder.mkdir()
    id_ = write_dir(parent, store, folder)
    manifest = json.loads((folder / "manifest.json").read_bytes())
    for part in (manifest["config"], *manifest["layers"]):
        data = (folder / part["digest"].removeprefix("sha256:")).read_bytes()
        assert (sha256(data), len(data)) == (part["digest"], part["size"])
    assert manifest["config"]["digest"] == f"sha256:{id_}"
    config = json.loads((folder / id_).read_bytes())
    assert config["rootfs"]["diff_ids"] == [made.diff_id for made in parent.layers]
    assert RuntimeConfig.from_json(config["config"]) == parent.config
    assert [config[name] for name in ("architecture", "os", "variant")] == ["arm64", "linux", "v8"]
    assert len(config["history"]) == 3


def test_skopeo_reads_it(parent: Parent, store: Store, tmp_path: Path) -> None:
    folder = tmp_path / "image"
    folder.mkdir()
    write_dir(parent, store, folder)
    try:
        done = subprocess.run(
            ["skopeo", "inspect", f"dir:{folder}"], capture_output=True, text=True, check=True
        )
    except FileNotFoundError:
        pytest.skip("skopeo is not installed")
    told = json.loads(done.stdout)
    assert (told["Architecture"], told["Env"]) == ("arm64", ["A=1"])
    assert told["Layers"] == [made.descriptor.digest for made in parent.layers]


def test_an_image_s_id_depends_on_all_that_an_engine_sees(parent: Parent) -> None:
    one = config_document(parent)
    assert config_document(replace(parent)) == one
    others = (
        replace(parent, config=replace(parent.config, env={"A": "2"})),
        replace(parent, layers=parent.layers[:1]),
        replace(parent, platform=Platform("linux", "amd64")),
    )
    assert len({one, *map(config_document, others)}) == 4


def test_nothing_but_settings(store: Store, tmp_path: Path) -> None:
    parent = Parent((), RuntimeConfig(), Platform("linux", "amd64"))
    write_dir(parent, store, tmp_path)
    assert json.loads((tmp_path / "manifest.json").read_bytes())["layers"] == []


def test_a_blob_that_is_missing(parent: Parent, store: Store, tmp_path: Path) -> None:
    digest = parent.layers[1].descriptor.digest
    store.blob_path(digest).unlink()
    (tmp_path / "image").mkdir()
    with pytest.raises(OutsideError, match=f"lacks blob {digest}"):
        write_dir(parent, store, tmp_path / "image")
