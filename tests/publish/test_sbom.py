"""The SBOM of an image that was built, checked by CycloneDX's own schema."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packageurl import PackageURL
from yard import Yard

from stackyard.build.project import Project, open_project
from stackyard.build.selection import select
from stackyard.oci.descriptor import Descriptor
from stackyard.oci.store import Store
from stackyard.publish.sbom import sbom, wheels_of
from stackyard.stack.values import Target

NAME = "ghcr.io/acme/hub/both"
BOTH = Target("both", "default", "linux/amd64")
MINOR = f"{sys.version_info.major}.{sys.version_info.minor}"
DEBS = ("libc6@2.36-9", f"python{MINOR}-minimal@{MINOR}.2-6")
SERVES = {
    "app": ["top"],
    "core": ["top"],
    "lefty": ["left"],
    "righty": ["right"],
    "shared": ["left", "right"],
}


class Made:
    """The image ``both``, in its store."""

    def __init__(self, yard: Yard) -> None:
        self.project: Project = open_project(yard.root / "stackyard.yaml")
        self.store = Store.open(yard.store)
        self.plan = self.project.plan(select(self.project.stack), self.store)
        made = self.plan.decisions[self.plan.images[BOTH]].made
        assert made is not None
        assert made.manifest is not None
        self.manifest: Descriptor = made.manifest

    def text(self, name: str = NAME) -> bytes:
        return sbom(self.store, self.manifest, name, wheels=wheels_of(self.plan, BOTH)).data


@pytest.fixture
def made(built: Yard) -> Made:
    return Made(built)


def properties(component: dict[str, Any], name: str) -> list[str]:
    return [p["value"] for p in component["properties"] if p["name"] == f"stackyard:{name}"]


def test_it_is_valid_and_names_the_image(made: Made) -> None:
    text = made.text()
    validator = JsonStrictValidator(SchemaVersion.V1_6)
    assert validator.validate_str(text.decode()) is None
    assert validator.validate_str(text.decode().replace('"library"', '"thing"')) is not None
    whole = json.loads(text)["metadata"]["component"]
    assert whole["version"] == made.manifest.digest
    assert whole["hashes"] == [
        {"alg": "SHA-256", "content": made.manifest.digest.removeprefix("sha256:")}
    ]
    purl = PackageURL.from_string(whole["purl"])
    assert (purl.type, purl.name, purl.version) == ("oci", "both", made.manifest.digest)
    assert properties(whole, "key") == [made.plan.images[BOTH]]


def test_each_package_has_its_version_hash_and_layer(made: Made, built: Yard) -> None:
    document = json.loads(made.text())
    found = {c["purl"]: c for c in document["components"]}
    python = {f"pkg:pypi/{name}@1.0" for name in ("app", "core", "lefty", "righty", "shared")}
    debs = {f"pkg:deb/debian/{name}?arch=amd64" for name in DEBS}
    assert set(found) == python | debs

    layers = [layer["digest"] for layer in built.manifest(made.manifest.digest)["layers"]]
    locked = {
        package.name: package.wheels["linux/amd64"]
        for resolution in made.project.lock.resolutions.values()
        for package in resolution.packages
    }
    for name, stack_layers in SERVES.items():
        component = found[f"pkg:pypi/{name}@1.0"]
        assert properties(component, "layer:name") == stack_layers
        assert properties(component, "layer:digest")[0] in layers[1:]
        assert component["hashes"] == [{"alg": "SHA-256", "content": locked[name].sha256}]
        assert properties(component, "wheel") == [locked[name].filename]
    for deb in debs:
        assert properties(found[deb], "layer:digest") == layers[:1]
        assert properties(found[deb], "layer:name") == ["base"]
        assert "hashes" not in found[deb]


def test_it_depends_on_no_clock_and_no_hash_seed(made: Made, built: Yard) -> None:
    here = made.text()
    script = (
        "import sys; from pathlib import Path; from stackyard.oci.store import Store;"
        "from stackyard.oci.descriptor import MANIFEST, Descriptor;"
        "from stackyard.publish.sbom import sbom;"
        "m = Descriptor(MANIFEST, sys.argv[2], int(sys.argv[3]));"
        "sys.stdout.buffer.write(sbom(Store.open(Path(sys.argv[1])), m, sys.argv[4]).data)"
    )
    told = set()
    for seed in ("1", "2"):
        (built.store / "memo").rename(built.store / f"memo-{seed}")
        words = [str(built.store), made.manifest.digest, str(made.manifest.size), NAME]
        env = {"PYTHONHASHSEED": seed, "PYTHONWARNINGS": "error"}
        done = subprocess.run(
            [sys.executable, "-c", script, *words], env=env, capture_output=True, check=True
        )
        told.add(done.stdout)
    assert len(told) == 1
    assert here not in told  # without the lock there are no hashes
    assert json.loads(here)["serialNumber"] == json.loads(told.pop())["serialNumber"]


def test_the_second_time_nothing_is_read(made: Made, built: Yard) -> None:
    first = made.text()
    for layer in built.manifest(made.manifest.digest)["layers"]:
        made.store.blob_path(layer["digest"]).unlink()
    assert made.text() == first
    assert made.text("ghcr.io/acme/hub/other") != first


def test_slow_libraries_are_imported_when_they_are_needed() -> None:
    script = (
        "import sys, stackyard.publish.sbom, stackyard.publish.sign, stackyard.publish.origin;"
        "print({'cyclonedx', 'cryptography', 'nacl'} & set(sys.modules))"
    )
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
