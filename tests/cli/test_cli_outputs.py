"""Where built images go: layouts, archives, engines; and the profile list made of them."""

from __future__ import annotations

import gzip
import hashlib
import json
import tarfile
from pathlib import Path

import pytest
from yard import STACK, Yard, parse_yaml

from stackyard.oci.descriptor import Platform
from stackyard.oci.imports import import_layout
from stackyard.oci.store import Store


def loaded(path: Path) -> dict[str, dict[str, object]]:
    """Name to config of a docker-archive, every layer checked as `docker load` does."""
    with tarfile.open(path) as tar:

        def read(name: str) -> bytes:
            file = tar.extractfile(name)
            assert file
            return file.read()

        images = {}
        for image in json.loads(read("manifest.json")):
            config = json.loads(read(image["Config"]))
            diffs = config["rootfs"]["diff_ids"]
            assert len(diffs) == len(image["Layers"])
            for layer, diff in zip(image["Layers"], diffs, strict=True):
                data = read(layer)
                if data[:2] == b"\x1f\x8b":
                    data = gzip.decompress(data)
                assert f"sha256:{hashlib.sha256(data).hexdigest()}" == diff
            for tag in image["RepoTags"]:
                assert tag not in images
                images[tag] = config
    return images


def test_a_layout_has_the_images_of_the_store(built: Yard, tmp_path: Path) -> None:
    done = built.run("build", "--output", "oci:out", "top", "both")
    assert "wrote 2 images to the OCI layout out" in done.err
    index = json.loads((built.root / "out" / "index.json").read_text())
    name = "org.opencontainers.image.ref.name"
    assert {m["annotations"][name]: m["digest"] for m in index["manifests"]} == {
        f"127.0.0.1:1/hub/{image}:default": built.digests()[f"{image}:default linux/amd64"]
        for image in ("top", "both")
    }
    store = Store.open(tmp_path / "other")
    platform = Platform.parse("linux/amd64")
    found = import_layout(store, built.root / "out", platform, "127.0.0.1:1/hub/both:default")
    assert found.digest == built.digests()["both:default linux/amd64"]
    built.run("build", "--output", "oci:out", "left")
    assert len(json.loads((built.root / "out" / "index.json").read_text())["manifests"]) == 3


def test_an_archive_can_be_loaded(built: Yard) -> None:
    built.run("build", "--output", "docker-archive:out.tar")
    images = loaded(built.root / "out.tar")
    assert set(images) == {f"127.0.0.1:1/hub/{n}:default" for n in ("top", "left", "both")}
    assert not list(built.root.glob(".out*"))


def test_several_platforms_in_one_archive_and_layout(yard: Yard) -> None:
    yard.stack(STACK + "platforms: [linux/amd64, linux/arm64]\n")
    yard.run("lock")
    done = yard.run("build", "top", "-o", "docker-archive:out.tar")
    assert [line.split()[:2] for line in done.lines[1:3]] == [
        ["top:default", "linux/amd64"],
        ["top:default", "linux/arm64"],
    ]
    images = loaded(yard.root / "out.tar")
    assert {name: config["architecture"] for name, config in images.items()} == {
        f"127.0.0.1:1/hub/top:default-{arch}": arch for arch in ("amd64", "arm64")
    }
    yard.run("build", "top", "--platform", "linux/arm64", "-o", "docker-archive:one.tar")
    (config,) = loaded(yard.root / "one.tar").values()
    assert config["architecture"] == "arm64"


@pytest.mark.parametrize("where", ["oci:/proc/out", "docker-archive:/proc/out.tar"])
def test_an_output_that_cannot_be_written(built: Yard, where: str) -> None:
    done = built.run("build", "top", "--output", where, code=3)
    assert "/proc/out" in done.err
    assert "hint: " in done.err


def test_an_archive_over_a_folder(built: Yard) -> None:
    (built.root / "folder").mkdir()
    done = built.run("build", "top", "--output", "docker-archive:folder", code=3)
    assert "folder" in done.err
    assert not list(built.root.glob(".folder*"))
    done = built.run("build", "top", "--output", "docker-archive:none/out.tar", code=3)
    assert "none/out.tar" in done.err


def test_loading_without_the_program(built: Yard) -> None:
    done = built.run("build", "top", "--load", "podman", code=3, env={"PATH": "/nowhere"})
    assert "podman is not installed" in done.err
    assert "--output docker-archive:FILE" in done.err


def test_loading_into_an_engine_that_refuses(built: Yard, tmp_path: Path) -> None:
    engine = tmp_path / "podman"
    engine.write_text("#!/bin/sh\nhead -c 100 >/dev/null\necho no room for you\nexit 1\n")
    engine.chmod(0o755)
    done = built.run("build", "top", "--load", "podman", code=3, env={"PATH": f"{tmp_path}:/bin"})
    assert "podman load failed: no room for you" in done.err
    assert "hint: " in done.err


def test_loading_gives_the_engine_an_archive(built: Yard, tmp_path: Path) -> None:
    engine = tmp_path / "podman"
    engine.write_text(f"#!/bin/sh\ncat > {tmp_path}/got.tar\n")
    engine.chmod(0o755)
    done = built.run("build", "top", "--load", "podman", env={"PATH": f"{tmp_path}:/bin"})
    assert "loaded into podman: 127.0.0.1:1/hub/top:default" in done.err
    assert list(loaded(tmp_path / "got.tar")) == ["127.0.0.1:1/hub/top:default"]


@pytest.mark.parametrize("delivery", ["values", "configmap", "flux"])
def test_profiles_hold_the_digests_of_the_store(built: Yard, delivery: str) -> None:
    done = built.run("profiles", "--format", delivery)
    digests = built.digests()
    for image in ("top", "both"):
        digest = digests[f"{image}:default linux/amd64"]
        assert f"127.0.0.1:1/hub/{image}:default-" in done.out
        assert f"@{digest}" in done.out
    assert "hub/left" not in done.out, "it has no profile"
    assert done.err == ""
    document = parse_yaml(done.out) if delivery != "flux" else None
    if delivery == "configmap":
        assert document["kind"] == "ConfigMap"
        document = parse_yaml(document["data"]["values.yaml"])
    if document:
        listed = document["singleuser"]["profileList"]
        assert [p.get("default", False) for p in listed] == [True, False]


def test_profiles_before_the_build_and_after_a_change(locked: Yard) -> None:
    told = locked.fail("profiles", code=2)
    assert "top:default, both:default" in told
    assert "hint: run `stackyard build` first" in told
    locked.run("build", "top", "both")
    locked.run("profiles")
    locked.change("LANG: C.UTF-8", "LANG: de_DE.UTF-8")
    assert "not built" in locked.fail("profiles", code=2)


def test_a_stack_without_registry(yard: Yard) -> None:
    yard.change("registry: 127.0.0.1:1/hub\n", "")
    yard.run("lock")
    yard.run("build", "top", "both", "-o", "docker-archive:out.tar")
    assert "localhost/top:default" in loaded(yard.root / "out.tar")
    assert "registry" in yard.fail("profiles", code=2)
    assert "registry" in yard.fail("push", code=2)
