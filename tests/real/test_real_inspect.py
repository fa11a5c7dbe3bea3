"""`inspect` against what dpkg and Python say in the running image, by every way to an image."""

from __future__ import annotations

import gzip
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import realengines as engines
from realengines import Docker
from realyard import Yard, run

pytestmark = pytest.mark.real

DISTS = """
import json, pathlib
from importlib.metadata import distributions
print(json.dumps(sorted({
    (d.metadata["Name"].lower().replace("_", "-").replace(".", "-"), d.version,
     str(d.locate_file("")).strip("/"))
    for d in distributions() if "site-packages" in str(d.locate_file(""))
    or "dist-packages" in str(d.locate_file(""))})))
"""


@pytest.fixture(scope="module")
def container(docker: Docker, loaded: str) -> Iterator[str]:
    """The image, running."""
    started = docker("run", "--detach", "--network=none", loaded, "sleep", "600").strip()
    yield started
    docker("rm", "--force", started)


@pytest.fixture(scope="module")
def told(built: Yard) -> dict[str, Any]:
    """What is said of the image as a target."""
    return inspect(built, "both:py311")


def inspect(yard: Yard, *words: object) -> dict[str, Any]:
    return dict(json.loads(yard.run("inspect", "--json", *words).stdout))


def test_debian_packages_are_those_of_dpkg(docker: Docker, container: str, told) -> None:
    listed = docker.exec(
        container,
        "dpkg-query",
        "-W",
        "-f",
        "${Package} ${Version} ${Architecture} ${db:Status-Status}\n",
    )
    installed = [line.split() for line in listed.splitlines()]
    assert {tuple(words[:3]) for words in installed if words[3] == "installed"} == {
        (p["name"], p["version"], p["architecture"]) for p in told["packages"] if p["kind"] == "deb"
    }
    assert {p["layer"] for p in told["packages"] if p["kind"] == "deb"} == {0}


def test_python_packages_are_those_of_python(docker: Docker, container: str, told) -> None:
    found = json.loads(docker.python(container, DISTS))
    assert [tuple(row) for row in found] == sorted(
        (p["name"], p["version"], p["place"]) for p in told["packages"] if p["kind"] == "pypi"
    )


def test_owners_are_those_of_dpkg(built: Yard, docker: Docker, container: str) -> None:
    for path in ("/bin/bash", "/usr/bin/python3.11", "/etc/debian_version", "/usr/bin/tini"):
        owned = inspect(built, "both:py311", "--owner", path)
        real = docker.exec(container, "realpath", path).strip()
        asked = (path, real, real.removeprefix("/usr"))
        answers = [docker.exec(container, "sh", "-c", f"dpkg -S {p} || true") for p in asked]
        owners = {answer.partition(":")[0] for answer in answers if answer}
        assert {o["package"]["name"] for o in owned["owners"]} == owners
    numpy = "/usr/local/lib/python3.11/dist-packages/numpy/__init__.py"
    (owner,) = inspect(built, "both:py311", "--owner", numpy)["owners"]
    assert owner["package"]["name"] == "numpy"
    assert owner["layer_name"].startswith("packages science")


def test_sizes_are_those_on_the_disk(docker: Docker, container: str, told) -> None:
    script = (
        "dpkg -L bash | while read f; do test -f $f && ! test -L $f && stat -c %s $f; done; true"
    )
    sizes = map(int, docker.exec(container, "sh", "-c", script).split())
    (bash,) = [p for p in told["packages"] if p["name"] == "bash"]
    assert bash["size"] == sum(sizes)


@pytest.fixture(scope="module")
def published(built: Yard, registry: engines.Registry, tmp_path_factory) -> dict[str, str]:
    """The image by every way, as the argument of `inspect`; made by docker and skopeo."""
    folder: Path = tmp_path_factory.mktemp("images")
    layout = folder / "layout"
    built.export(layout, "both:py311")
    reference = f"{registry.host}/inspected/both:1"
    plain = "--dest-tls-verify=false"
    run("skopeo", "copy", plain, f"oci:{layout}", f"docker://{reference}")
    for kind in ("docker-archive", "oci-archive"):
        run("skopeo", "copy", f"oci:{layout}", f"{kind}:{folder / kind}.tar:acme/both:1")
    with (
        (folder / "docker-archive.tar").open("rb") as file,
        gzip.open(folder / "d.tgz", "wb", 1) as to,
    ):
        shutil.copyfileobj(file, to)
    return {
        "reference": reference,
        "oci": f"oci:{layout}",
        "docker-archive": f"docker-archive:{folder / 'docker-archive.tar'}",
        "docker-archive by gzip": f"docker-archive:{folder / 'd.tgz'}:docker.io/acme/both:1",
        "oci-archive": f"oci-archive:{folder / 'oci-archive.tar'}:acme/both:1",
    }


@pytest.mark.parametrize(
    "way", ["reference", "oci", "docker-archive", "docker-archive by gzip", "oci-archive"]
)
def test_the_same_image_by_every_way(built: Yard, published, told, tmp_path, way: str) -> None:
    fresh = Yard(built.folder, tmp_path / "store", built.env)
    found = inspect(fresh, published[way])
    assert found["packages"] == told["packages"]
    assert found["labels"] == told["labels"]
    assert [x["diff_id"] for x in found["layers"]] == [x["diff_id"] for x in told["layers"]]
    assert [x["name"] for x in found["layers"]] == [x["name"] for x in told["layers"]]
    if not way.startswith("docker"):
        assert found["digest"] == told["digest"]
        assert found["layers"] == told["layers"]


def test_what_docker_saves(built: Yard, docker: Docker, loaded: str, told, tmp_path) -> None:
    docker("save", "--output", tmp_path / "saved.tar", loaded)
    fresh = Yard(built.folder, tmp_path / "store", built.env)
    found = inspect(fresh, f"docker-archive:{tmp_path / 'saved.tar'}")
    assert found["packages"] == told["packages"]


def test_only_what_is_missing_is_pulled(
    built: Yard, registry: engines.Registry, published, told
) -> None:
    """All of the image is in the store already, but for its manifest."""

    def fetched() -> int:
        return sum(
            line.count(layer["digest"])
            for line in registry.log.read_text().splitlines()
            if '"GET /v2/inspected/' in line
            for layer in told["layers"]
        )

    before = fetched()
    assert inspect(built, published["reference"])["digest"] == told["digest"]
    assert fetched() == before
    pulled = inspect(built, "minimal:py311", "--diff", published["reference"])
    assert pulled["to"]["digest"] == told["digest"]
    assert 0 < pulled["pulled"] < pulled["total"]
    assert {"numpy", "pandas"} <= {change["name"] for change in pulled["packages"]}


def test_what_is_not_in_the_registry(built: Yard, registry: engines.Registry, published) -> None:
    done = built.run("inspect", f"{registry.host}/inspected/both:2", exits=3)
    assert f"{registry.host}/inspected/both:2" in done.stderr
    assert "404" in done.stderr
    assert "hint: check the repository's name and the tag" in done.stderr
    done = built.run("inspect", published["reference"], "--platform", "linux/s390x", exits=2)
    assert "is not made for linux/s390x; it is made for linux/amd64" in done.stderr
    assert "hint: choose another with --platform" in done.stderr


def test_a_blob_that_the_registry_damaged(
    built: Yard, registry: engines.Registry, place: Path, published, told, tmp_path
) -> None:
    layout = Path(published["oci"].removeprefix("oci:"))
    reference = f"{registry.host}/damaged/both:1"
    run("skopeo", "copy", "--dest-tls-verify=false", f"oci:{layout}", f"docker://{reference}")
    name = told["layers"][-1]["digest"].removeprefix("sha256:")
    blob = place / "registry/data/docker/registry/v2/blobs/sha256" / name[:2] / name / "data"
    whole = blob.read_bytes()
    blob.write_bytes(bytes(len(whole)))
    try:
        fresh = Yard(built.folder, tmp_path / "store", built.env)
        done = fresh.run("inspect", reference, exits=3)
    finally:
        blob.write_bytes(whole)
    assert f"sha256:{name}" in done.stderr
    assert "hint: " in done.stderr
