from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from stackyard.errors import InputError
from stackyard.oci.assemble import assemble_index
from stackyard.oci.descriptor import DOCKER_MANIFEST, INDEX, Descriptor, Platform
from stackyard.oci.digest import sha256
from stackyard.oci.export import write_layout
from stackyard.oci.image import read_image
from stackyard.oci.imports import import_layout
from stackyard.oci.store import Store

MakeImage = Callable[..., Descriptor]
AMD64, ARM64 = Platform("linux", "amd64"), Platform("linux", "arm64")


@pytest.fixture
def other(tmp_path: Path) -> Store:
    """Where images are imported to."""
    return Store.open(tmp_path / "other")


@pytest.fixture
def layout(store: Store, make_image: MakeImage, tmp_path: Path) -> Path:
    write_layout(store, {"x": make_image({"a": b"1"}, {"b": b"2"})}, tmp_path / "layout")
    return tmp_path / "layout"


def blob(layout: Path, digest: str) -> Path:
    return layout / "blobs" / "sha256" / digest.removeprefix("sha256:")


def put(layout: Path, value: Any, media_type: str = INDEX) -> dict[str, Any]:
    """Write a document into a layout, and give its descriptor."""
    data = json.dumps(value).encode()
    blob(layout, sha256(data)).write_bytes(data)
    return {"mediaType": media_type, "digest": sha256(data), "size": len(data)}


def point(layout: Path, *entries: dict[str, Any]) -> None:
    (layout / "index.json").write_text(json.dumps({"manifests": entries}))


def entry_of(layout: Path) -> dict[str, Any]:
    entry: dict[str, Any] = json.loads((layout / "index.json").read_text())["manifests"][0]
    return entry


def test_an_image_comes_in_whole(other: Store, layout: Path, make_image: MakeImage) -> None:
    manifest = import_layout(other, layout, AMD64)
    assert manifest == make_image({"a": b"1"}, {"b": b"2"})
    assert len(read_image(other, manifest).layers) == 2
    assert import_layout(other, layout, AMD64, "x") == manifest


def test_the_platform_is_found_through_indexes(
    store: Store, other: Store, make_image: MakeImage, tmp_path: Path
) -> None:
    amd, arm = (
        make_image({"a": b"1"}, platform=p) for p in (AMD64, Platform("linux", "arm64", "v8"))
    )
    nested = assemble_index(store, [assemble_index(store, [amd, arm])])
    write_layout(store, {"x": nested}, tmp_path / "layout")
    assert import_layout(other, tmp_path / "layout", ARM64).digest == arm.digest
    assert not other.has(amd.digest)
    with pytest.raises(InputError, match="no image for linux/s390x") as caught:
        import_layout(other, tmp_path / "layout", Platform("linux", "s390x"))
    assert caught.value.hint == "it has images for: linux/amd64, linux/arm64/v8"


def test_a_platform_that_the_index_does_not_tell_is_read_from_the_config(
    other: Store, layout: Path
) -> None:
    entry = entry_of(layout)
    del entry["platform"]
    point(layout, entry)
    assert import_layout(other, layout, AMD64).digest == entry["digest"]
    with pytest.raises(InputError, match="no image for linux/arm64"):
        import_layout(other, layout, ARM64)


def test_several_images_need_a_name(
    store: Store, other: Store, layout: Path, make_image: MakeImage
) -> None:
    second = make_image({"c": b"3"})
    write_layout(store, {"y": second}, layout)
    with pytest.raises(InputError, match="there are 2 images for linux/amd64") as caught:
        import_layout(other, layout, AMD64)
    assert caught.value.hint == "name one of: x, y"
    with pytest.raises(InputError, match="no image is named 'z'"):
        import_layout(other, layout, AMD64, "z")
    assert import_layout(other, layout, AMD64, "y").digest == second.digest


def test_dockers_media_types_are_accepted(other: Store, layout: Path) -> None:
    manifest = json.loads(blob(layout, entry_of(layout)["digest"]).read_bytes())
    docker = "application/vnd.docker."
    manifest["mediaType"] = DOCKER_MANIFEST
    manifest["config"]["mediaType"] = f"{docker}container.image.v1+json"
    for layer in manifest["layers"]:
        layer["mediaType"] = f"{docker}image.rootfs.diff.tar.gzip"
    point(layout, put(layout, manifest, DOCKER_MANIFEST))
    assert len(read_image(other, import_layout(other, layout, AMD64)).layers) == 2


def damage_layer(layout: Path) -> None:
    manifest = json.loads(blob(layout, entry_of(layout)["digest"]).read_bytes())
    path = blob(layout, manifest["layers"][0]["digest"])
    data = path.read_bytes()
    path.unlink()  # not to damage the store, which has the same file
    path.write_bytes(data[:-1] + b"x")


def lengthen_layer(layout: Path) -> None:
    manifest = json.loads(blob(layout, entry_of(layout)["digest"]).read_bytes())
    manifest["layers"][0]["size"] -= 1
    point(layout, put(layout, manifest, entry_of(layout)["mediaType"]))


def remove_manifest(layout: Path) -> None:
    blob(layout, entry_of(layout)["digest"]).unlink()


def link_out(layout: Path) -> None:
    path = blob(layout, entry_of(layout)["digest"])
    shutil.copy(path, layout.parent / "outside")
    path.unlink()
    path.symlink_to("../../../outside")


def link_index_out(layout: Path) -> None:
    (layout / "index.json").rename(layout.parent / "outside")
    (layout / "index.json").symlink_to("../outside")


def pipe(layout: Path) -> None:
    path = blob(layout, entry_of(layout)["digest"])
    path.unlink()
    os.mkfifo(path)


def climb(layout: Path) -> None:
    point(layout, entry_of(layout) | {"digest": "sha256:../../../outside"})


def sha512(layout: Path) -> None:
    point(layout, entry_of(layout) | {"digest": "sha512:" + "0" * 128})


def lie_about_size(layout: Path) -> None:
    point(layout, entry_of(layout) | {"size": 1 << 60})


def negative_size(layout: Path) -> None:
    point(layout, entry_of(layout) | {"size": -1})


def nest_too_deep(layout: Path) -> None:
    entry = entry_of(layout)
    for _ in range(30):
        entry = put(layout, {"manifests": [entry]})
    point(layout, entry)


def explode(layout: Path) -> None:
    """Each index lists the one below many times: 50 ** 8 visits."""
    entry = put(layout, {"manifests": []})
    for _ in range(8):
        entry = put(layout, {"manifests": [entry] * 50})
    point(layout, entry)


def too_many_entries(layout: Path) -> None:
    point(layout, *([entry_of(layout)] * 10_000))


def not_json(layout: Path) -> None:
    (layout / "index.json").write_text("[" * 200_000)


def no_layout(layout: Path) -> None:
    (layout / "oci-layout").unlink()


HOSTILE = [
    damage_layer, lengthen_layer, remove_manifest, link_out, link_index_out, pipe, climb, sha512,
    lie_about_size, negative_size, nest_too_deep, explode, too_many_entries, not_json, no_layout,
]  # fmt: skip


@pytest.mark.parametrize("change", HOSTILE)
def test_hostile_layouts_are_refused(
    other: Store, layout: Path, change: Callable[[Path], None]
) -> None:
    change(layout)
    with pytest.raises(InputError) as caught:
        import_layout(other, layout, AMD64)
    assert str(layout) in caught.value.message
    assert caught.value.hint
    assert list((other.root / "tmp").glob("*/*")) == []


def test_a_folder_that_is_not_there(other: Store, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="not an OCI image layout"):
        import_layout(other, tmp_path / "none", AMD64)
