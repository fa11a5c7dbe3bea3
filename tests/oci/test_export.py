from __future__ import annotations

import io
import json
import os
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from stackyard.errors import InputError, OutsideError
from stackyard.oci.assemble import assemble_index
from stackyard.oci.descriptor import Descriptor, Platform
from stackyard.oci.digest import sha256
from stackyard.oci.documents import read_index, tags_of
from stackyard.oci.export import write_docker_archive, write_layout
from stackyard.oci.image import read_image
from stackyard.oci.store import Store

MakeImage = Callable[..., Descriptor]
BASE, MORE, OTHER = {"a": b"1" * 5000}, {"b": b"2"}, {"c": b"3"}


def names_in(layout: Path) -> set[str]:
    index = layout / "index.json"
    return set(tags_of(read_index(index)))


def blobs_in(layout: Path) -> set[str]:
    return {path.name for path in (layout / "blobs" / "sha256").iterdir()}


def test_a_layout_is_written_and_extended(
    store: Store, make_image: MakeImage, tmp_path: Path
) -> None:
    layout = tmp_path / "deep" / "layout"
    write_layout(store, {"one:1": make_image(BASE, MORE)}, layout)
    assert names_in(layout) == {"one:1"}
    before = blobs_in(layout)
    assert len(before) == 4
    index = assemble_index(
        store, [make_image(BASE, OTHER, platform=Platform("linux", a)) for a in ("amd64", "arm64")]
    )
    write_layout(store, {"two:1": index}, layout)
    assert names_in(layout) == {"one:1", "two:1"}
    assert len(blobs_in(layout) - before) == 6
    for name in blobs_in(layout):
        assert sha256((layout / "blobs" / "sha256" / name).read_bytes()) == f"sha256:{name}"
    assert sorted(path.name for path in layout.iterdir()) == ["blobs", "index.json", "oci-layout"]


def test_images_without_a_name_stay_when_a_layout_is_extended(
    store: Store, make_image: MakeImage, tmp_path: Path
) -> None:
    first, second = make_image(BASE), make_image(MORE)
    layout = tmp_path / "layout"
    write_layout(store, {"x": first}, layout)
    nameless = {"schemaVersion": 2, "manifests": [first.to_json()]}
    (layout / "index.json").write_text(json.dumps(nameless))
    write_layout(store, {"y": second}, layout)
    assert [entry.digest for entry in read_index(layout / "index.json")] == [
        second.digest,
        first.digest,
    ]


def test_blobs_are_links_or_else_copies(
    store: Store, make_image: MakeImage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = make_image(BASE)
    write_layout(store, {"x": image}, tmp_path / "links")
    linked = tmp_path / "links" / "blobs" / "sha256" / image.digest.removeprefix("sha256:")
    assert linked.samefile(store.blob_path(image.digest))
    # what another file system says; there is none of ours to write to everywhere
    monkeypatch.setattr(os, "link", _no_link)
    write_layout(store, {"x": image}, tmp_path / "copies")
    copied = tmp_path / "copies" / "blobs" / "sha256" / linked.name
    assert copied.read_bytes() == linked.read_bytes()
    assert copied.stat().st_nlink == 1


def _no_link(source: Path, target: Path) -> None:
    raise OSError(18, "Invalid cross-device link")


def test_a_folder_with_something_else_is_left_alone(
    store: Store, make_image: MakeImage, tmp_path: Path
) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "thesis.tex").write_text("x")
    with pytest.raises(InputError, match="something else"):
        write_layout(store, {"x": make_image(BASE)}, tmp_path / "home")
    assert [path.name for path in (tmp_path / "home").iterdir()] == ["thesis.tex"]


def test_what_a_killed_export_left_is_cleared(
    store: Store, make_image: MakeImage, tmp_path: Path
) -> None:
    layout = tmp_path / "layout"
    layout.mkdir()
    (layout / ".stackyard-0123").write_text("half of a blob")
    write_layout(store, {"x": make_image(BASE)}, layout)
    assert sorted(path.name for path in layout.iterdir()) == ["blobs", "index.json", "oci-layout"]


def test_a_name_comes_only_when_all_its_blobs_are_there(
    store: Store, make_image: MakeImage, tmp_path: Path
) -> None:
    image = make_image(BASE, MORE)
    gone = read_image(store, image).layers[1].descriptor.digest
    store.blob_path(gone).unlink()
    with pytest.raises(OutsideError, match="lacks blob"):
        write_layout(store, {"x": image}, tmp_path / "layout")
    assert not (tmp_path / "layout" / "index.json").exists()
    assert image.digest.removeprefix("sha256:") not in blobs_in(tmp_path / "layout")


def test_a_place_that_cannot_be_written_is_an_error(
    store: Store, make_image: MakeImage, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutsideError, match="writing the image layout"):
        write_layout(store, {"x": make_image(BASE)}, tmp_path / "file")


def test_a_docker_archive_has_each_layer_once(store: Store, make_image: MakeImage) -> None:
    one, two = make_image(BASE, MORE), make_image(BASE, OTHER)
    out = io.BytesIO()
    write_docker_archive(store, {"acme/one:1": one, "acme/two:1": two, "acme/two:b": two}, out)
    with tarfile.open(fileobj=io.BytesIO(out.getvalue())) as archive:
        files = {info.name: archive.extractfile(info).read() for info in archive}  # type: ignore[union-attr]
        assert len(archive.getnames()) == len(files)
    assert next(iter(files)) == "manifest.json"
    manifest = json.loads(files.pop("manifest.json"))
    assert [entry["RepoTags"] for entry in manifest] == [
        ["acme/one:1"],
        ["acme/two:1", "acme/two:b"],
    ]
    for entry, image in zip(manifest, (one, two), strict=True):
        layers = [files[name] for name in entry["Layers"]]
        assert list(map(sha256, layers)) == [
            layer.diff_id for layer in read_image(store, image).layers
        ]
        assert entry["Config"] == sha256(files[entry["Config"]]).removeprefix("sha256:") + ".json"
    assert len(files) == 5


def test_a_docker_archive_on_a_full_disk_is_an_error(store: Store, make_image: MakeImage) -> None:
    with (
        Path("/dev/full").open("wb", buffering=0) as full,
        pytest.raises(OutsideError, match="writing a docker archive: No space"),
    ):
        write_docker_archive(store, {"x": make_image(BASE)}, full)  # type: ignore[arg-type]
