from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from stackyard.errors import InputError, OutsideError
from stackyard.oci.assemble import assemble, assemble_index
from stackyard.oci.descriptor import (
    DOCKER_LAYER_GZIP,
    LAYER_GZIP,
    MANIFEST,
    Descriptor,
    Platform,
)
from stackyard.oci.digest import sha256
from stackyard.oci.image import History, RuntimeConfig, read_image
from stackyard.oci.layer import Layer
from stackyard.oci.store import Store

MakeLayer = Callable[[Mapping[str, bytes]], Layer]
ARM = Platform("linux", "arm", "v7")
CREATED = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
CONFIG = RuntimeConfig(
    env={"PATH": "/usr/bin", "A": "b=c", "EMPTY": ""},
    user="1000",
    workdir="/home/jovyan",
    entrypoint=("tini", "--"),
    cmd=(),
    labels={"b": "ü", "a": "1"},
    healthcheck={"Test": ["CMD", "true"], "Interval": 3_000_000_000},
    exposed_ports=("8888/tcp",),
    volumes=("/data",),
    stop_signal="SIGINT",
)


def make(store: Store, make_layer: MakeLayer, **changes: Any) -> Descriptor:
    one, two = make_layer({"a": b"1"}), make_layer({"b": b"2"})
    steps = [
        (one, History("base")),
        (None, History("ENV A", empty_layer=True)),
        (two, History("science: numpy 2.3", comment="stackyard")),
    ]
    given = {"platform": ARM, "layers": steps, "config": CONFIG, "created": CREATED}
    return assemble(store, **{**given, "annotations": {"z": "1", "y": "2"}, **changes})


def test_an_image_reads_back_as_it_was_assembled(store: Store, make_layer: MakeLayer) -> None:
    manifest = make(store, make_layer)
    image = read_image(store, manifest)
    assert image.platform == manifest.platform == ARM
    assert image.config == CONFIG
    assert list(image.config.env) == ["PATH", "A", "EMPTY"]
    assert image.layers == (make_layer({"a": b"1"}), make_layer({"b": b"2"}))
    assert image.annotations == {"z": "1", "y": "2"}
    assert make(store, make_layer, layers=image.steps) == manifest


def test_the_documents(store: Store, make_layer: MakeLayer) -> None:
    manifest = make(store, make_layer)
    data = store.read(manifest.digest)
    document = json.loads(data)
    assert data == json.dumps(document, sort_keys=True, separators=(",", ":")).encode()
    assert document["mediaType"] == manifest.media_type == MANIFEST
    config = json.loads(store.read(document["config"]["digest"]))
    assert config["created"] == "2026-01-02T03:04:05Z"
    assert {entry["created"] for entry in config["history"]} == {"2026-01-02T03:04:05Z"}
    assert config["variant"] == "v7"
    assert config["config"]["Cmd"] == []
    assert config["config"]["Env"] == ["PATH=/usr/bin", "A=b=c", "EMPTY="]


def test_the_bytes_never_change(store: Store, make_layer: MakeLayer) -> None:
    """A golden digest: another one means that every image changes for everybody."""
    elsewhere = CREATED.astimezone(timezone(timedelta(hours=5)))
    assert make(store, make_layer).digest == GOLDEN
    assert make(store, make_layer, created=elsewhere).digest == GOLDEN
    assert make(store, make_layer, annotations={"y": "2", "z": "1"}).digest == GOLDEN
    assert make(store, make_layer, config=RuntimeConfig()).digest != GOLDEN


GOLDEN = "sha256:372f444e5a02e9d48579218b73a09d0edf04eea63efbdaac55aa398b275fad8d"


def test_dockers_layers_get_ocis_names(store: Store, make_layer: MakeLayer) -> None:
    layer = make_layer({"a": b"1"})
    docker = replace(layer, descriptor=replace(layer.descriptor, media_type=DOCKER_LAYER_GZIP))
    image = read_image(store, make(store, make_layer, layers=[(docker, History("x"))]))
    assert image.layers[0].descriptor.media_type == LAYER_GZIP


def test_a_layer_of_another_kind_is_refused(store: Store, make_layer: MakeLayer) -> None:
    layer = make_layer({"a": b"1"})
    foreign = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip"
    strange = replace(layer, descriptor=replace(layer.descriptor, media_type=foreign))
    with pytest.raises(InputError, match=r"foreign\.diff"):
        make(store, make_layer, layers=[(strange, History("x"))])


def test_text_that_is_no_text_is_written_all_the_same(store: Store, make_layer: MakeLayer) -> None:
    """JSON can hold half of a surrogate pair, so a hostile base's labels can."""
    config = RuntimeConfig(labels={"a": json.loads('"\\ud800"')})
    assert read_image(store, make(store, make_layer, config=config)).config == config


def test_an_index_names_the_platforms(store: Store, make_layer: MakeLayer) -> None:
    manifests = [make(store, make_layer, platform=Platform("linux", a)) for a in ("amd64", "arm64")]
    index = json.loads(store.read(assemble_index(store, manifests, {"a": "b"}).digest))
    assert [entry["platform"] for entry in index["manifests"]] == [
        {"os": "linux", "architecture": "amd64"},
        {"os": "linux", "architecture": "arm64"},
    ]
    assert index["annotations"] == {"a": "b"}


def forge(
    store: Store,
    manifest: Descriptor,
    *,
    in_manifest: Mapping[str, Any] | None = None,
    in_config: Mapping[str, Any] | None = None,
) -> Descriptor:
    """The image with other values in its documents."""
    document = json.loads(store.read(manifest.digest))
    config = json.loads(store.read(document["config"]["digest"])) | (in_config or {})
    document["config"] = store.put(json.dumps(config).encode(), "x").to_json()
    return store.put(json.dumps(document | (in_manifest or {})).encode(), manifest.media_type)


@pytest.mark.parametrize(
    ("in_manifest", "in_config"),
    [
        ({"layers": []}, {}),
        ({"layers": 7}, {}),
        ({"layers": [{"digest": "sha256:../../x", "mediaType": "x", "size": 1}]}, {}),
        ({"config": None}, {}),
        ({"annotations": ["x"]}, {}),
        ({}, {"rootfs": None}),
        ({}, {"rootfs": {"diff_ids": [sha256(b"1"), sha256(b"2")]}}),
        ({}, {"config": {"Env": 7}}),
        ({}, {"config": {"Cmd": "text"}}),
        ({}, {"config": {"Labels": [1]}}),
        ({}, {"config": "text"}),
        ({}, {"history": [7]}),
        ({}, {"os": None}),
        ({"config": {"mediaType": "x", "digest": sha256(b"1"), "size": float("inf")}}, {}),
    ],
)
def test_documents_that_are_broken_are_refused(
    store: Store,
    make_layer: MakeLayer,
    in_manifest: Mapping[str, Any],
    in_config: Mapping[str, Any],
) -> None:
    forged = forge(store, make(store, make_layer), in_manifest=in_manifest, in_config=in_config)
    with pytest.raises(InputError, match=r"broken|config says|not a sha256 digest"):
        read_image(store, forged)


@pytest.mark.parametrize("data", [b"", b"[]", b"null", b"[" * 100_000, b"\xff"])
def test_what_is_no_document_is_refused(store: Store, data: bytes) -> None:
    with pytest.raises(InputError, match="broken"):
        read_image(store, store.put(data, MANIFEST))


@pytest.mark.parametrize(
    ("history", "kept"),
    [
        (None, ["", ""]),
        ([], ["", ""]),
        ([{"created_by": "a"}], ["a", ""]),
        ([{"created_by": n} for n in "abc"], ["a", "b"]),
        ([{"created_by": "e", "empty_layer": True}, {}], ["e", "", ""]),
    ],
)
def test_a_history_that_does_not_match_is_mended(
    store: Store, make_layer: MakeLayer, history: Any, kept: list[str]
) -> None:
    image = read_image(store, forge(store, make(store, make_layer), in_config={"history": history}))
    assert [entry.created_by for entry in image.history] == kept
    assert [layer for layer, _ in image.steps if layer] == list(image.layers)


def test_a_damaged_layer_is_found_once_and_for_all(store: Store, make_layer: MakeLayer) -> None:
    manifest = make(store, make_layer)
    path = store.blob_path(make_layer({"b": b"2"}).descriptor.digest)
    data = path.read_bytes()
    path.write_bytes(data[:-5])
    with pytest.raises(OutsideError, match="damaged or cut short"):
        read_image(store, manifest)
    path.write_bytes(data)
    assert read_image(store, manifest).layers[1].size == len(_archive())
    path.unlink()
    assert read_image(store, manifest).layers[1].size == len(_archive())


def _archive() -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        info = tarfile.TarInfo("b")
        info.size = 1
        archive.addfile(info, io.BytesIO(b"2"))
    return out.getvalue()
