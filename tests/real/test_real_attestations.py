"""SBOM, provenance and signatures of a real image, read by the tools that people use.

cosign and oras are not in Debian 12. They are fetched from the next release, from whatever
mirror this machine has, into a folder of the test; where there is none, the tests that
need them are skipped.
"""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import realengines as engines
from realyard import Packages, Yard, run

from stackyard.build.project import open_project
from stackyard.build.selection import select
from stackyard.oci.descriptor import Descriptor
from stackyard.oci.registry.client import Registry
from stackyard.oci.registry.push import push
from stackyard.oci.store import Store
from stackyard.publish.attach import attach_all
from stackyard.publish.keys import load_key
from stackyard.publish.origin import Builder, Origin
from stackyard.publish.provenance import provenance
from stackyard.publish.sbom import sbom, wheels_of
from stackyard.publish.sign import sign_manifest
from stackyard.stack.values import Target

pytestmark = pytest.mark.real

SUITE = "trixie"
KEYS = "/usr/share/keyrings/debian-archive-keyring.gpg"
BOTH = Target("both", "py311", "linux/amd64")
LAYERS = ("base", "singleuser", "science", "text", "tables")
PASSWORD = {"COSIGN_PASSWORD": "s3cret"}


@dataclass(frozen=True)
class Tools:
    """Programs in a folder of the test."""

    folder: Path

    def __call__(self, name: str, *words: object, **env: str) -> str:
        home = {"HOME": str(self.folder), **env}
        return run(self.folder / "usr" / "bin" / name, *words, env=home)

    def fails(self, name: str, *words: object) -> str:
        """What a program that must fail says."""
        command = [str(self.folder / "usr" / "bin" / name), *map(str, words)]
        env = {**os.environ, "HOME": str(self.folder)}
        done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
        assert done.returncode != 0, done.stdout
        return done.stderr


@pytest.fixture(scope="module")
def tools(tmp_path_factory: pytest.TempPathFactory) -> Tools:
    """cosign and oras."""
    folder = tmp_path_factory.mktemp("tools")
    asked = ("--format", "$(REPO_URI)", "Created-By: Packages", "Codename: bookworm")
    mirrors = run("apt-get", "indextargets", *asked).split()
    if not mirrors:
        pytest.skip("apt knows no mirror of Debian 12, which tells where 13 is")
    source = f"deb [signed-by={KEYS}] {mirrors[0]} {SUITE} main\n"
    (folder / "sources.list").write_text(source)
    (folder / "status").touch()
    for name in ("lists/partial", "cache/archives/partial"):
        (folder / name).mkdir(parents=True)
    settings = {
        "Dir::Etc::sourcelist": folder / "sources.list",
        "Dir::Etc::sourceparts": "/dev/null",
        "Dir::State::lists": folder / "lists",
        "Dir::State::status": folder / "status",
        "Dir::Cache": folder / "cache",
        "Acquire::Languages": "none",
        "APT::Sandbox::User": "root",
    }
    apt = ["apt-get", "-q", *(f"-o{name}={value}" for name, value in settings.items())]
    for words in (["update"], ["download", "cosign", "oras"]):
        done = subprocess.run(
            [*apt, *words], cwd=folder, capture_output=True, text=True, check=False
        )
        if done.returncode != 0:
            pytest.skip(f"apt-get {words[0]} for Debian {SUITE} fails: {done.stderr[-500:]}")
    for package in folder.glob("*.deb"):
        run("dpkg-deb", "-x", package, folder)
    return Tools(folder)


@dataclass(frozen=True)
class Published:
    """The image ``both:py311`` with its documents, in a registry."""

    host: str
    manifest: Descriptor
    documents: list[Descriptor]
    store: Store
    sbom: dict[str, Any]
    locked: Packages

    @property
    def name(self) -> str:
        return f"{self.host}/attested/both"


@pytest.fixture(scope="module")
def published(built: Yard, registry: engines.Registry) -> Published:
    project = open_project(built.folder / "stackyard.yaml")
    store = Store.open(built.store)
    plan = project.plan(select(project.stack), store)
    made = plan.decisions[plan.images[BOTH]].made
    assert made is not None
    assert made.manifest is not None
    name = f"{registry.host}/attested/both"
    listed = sbom(store, made.manifest, name, wheels=wheels_of(plan, BOTH))
    origin = Origin.of(project, Builder.here({}))
    told = provenance(origin.provenance(plan, BOTH, made.manifest, name))
    with Registry(registry.host) as client:
        push(client, store, made.manifest, "attested/both", [])
        documents = attach_all(client, "attested/both", store, made.manifest, [listed, told])
        push(client, store, made.manifest, "attested/both", ["py311"])
    locked = built.locked("py311", *LAYERS)
    return Published(
        registry.host, made.manifest, documents, store, json.loads(listed.data), locked
    )


def listed(published: Published, kind: str) -> dict[str, dict[str, Any]]:
    """The SBOM's components of one kind, by name and version."""
    return {
        f"{c['name']} {c['version']}": c
        for c in published.sbom["components"]
        if c["purl"].startswith(f"pkg:{kind}/")
    }


def test_the_sbom_lists_what_dpkg_lists(
    published: Published, docker: engines.Docker, loaded: str
) -> None:
    query = ["dpkg-query", "-W", "-f", "${Package} ${Version} ${Architecture}\\n"]
    told = docker("run", "--rm", "--network=host", "--entrypoint", query[0], loaded, *query[1:])
    wanted = {tuple(line.split()) for line in told.splitlines()}
    found = {
        (c["name"], c["version"], c["purl"].rpartition("arch=")[2])
        for c in listed(published, "deb").values()
    }
    assert len(wanted) > 50
    assert found == wanted


def test_the_sbom_lists_what_python_finds(
    published: Published, docker: engines.Docker, loaded: str
) -> None:
    script = (
        "from importlib.metadata import distributions as d; import re, json;"
        "name = lambda n: re.sub(r'[-_.]+', '-', n).lower();"
        "print(json.dumps(sorted({(name(x.metadata['Name']), x.version) for x in d()})))"
    )
    words = ["run", "--rm", "--network=host", "--entrypoint", "python3", loaded, "-c", script]
    wanted = {f"{name} {version}" for name, version in json.loads(docker(*words))}
    assert len(wanted) > 50
    assert set(listed(published, "pypi")) == wanted


def test_the_sbom_has_every_wheel_and_its_layer(published: Published) -> None:
    document = json.loads(published.store.read(published.manifest.digest))
    layers = {layer["digest"] for layer in document["layers"]}
    found = listed(published, "pypi")
    for package in published.locked.values():
        component = found[f"{package.name} {package.version}"]
        wheel = package.wheels["linux/amd64"]
        assert component["hashes"] == [{"alg": "SHA-256", "content": wheel.sha256}]
        told = {p["name"]: p["value"] for p in component["properties"]}
        assert told["stackyard:wheel"] == wheel.filename
        assert told["stackyard:layer:digest"] in layers
        assert told["stackyard:layer:name"] in LAYERS


def test_oras_finds_and_fetches_the_documents(
    published: Published, tools: Tools, tmp_path: Path
) -> None:
    reference = f"{published.name}:py311"
    told = tools("oras", "discover", "--plain-http", "--format", "json", reference)
    document = json.loads(told)
    found = document.get("manifests") or document.get("referrers")
    assert [entry["digest"] for entry in found] == [d.digest for d in published.documents]
    for document in published.documents:
        words = ("pull", "--plain-http", "-o", tmp_path, f"{published.name}@{document.digest}")
        tools("oras", *words)
    assert json.loads((tmp_path / "sbom.cdx.json").read_text()) == published.sbom
    said = json.loads((tmp_path / "provenance.intoto.json").read_text())
    digest = published.manifest.digest.removeprefix("sha256:")
    assert said["subject"] == [{"name": published.name, "digest": {"sha256": digest}}]


def test_cosign_verifies_what_the_key_signed(
    published: Published, tools: Tools, tmp_path: Path
) -> None:
    for name in ("ours", "theirs"):
        prefix = f"--output-key-prefix={tmp_path / name}"
        tools("cosign", "generate-key-pair", prefix, **PASSWORD)
    key = load_key(str(tmp_path / "ours.key"), PASSWORD)
    relaxed = ("--insecure-ignore-tlog", "--allow-insecure-registry")
    digests = [m.digest for m in (published.manifest, *published.documents)]
    with Registry(published.host) as client:
        for digest in digests:
            words = (client, "attested/both", published.store, published.name, digest, key)
            assert sign_manifest(*words)
            assert not sign_manifest(*words)
    for version in (":py311", *(f"@{digest}" for digest in digests)):
        public = f"--key={tmp_path / 'ours.pub'}"
        told = json.loads(tools("cosign", "verify", public, *relaxed, published.name + version))
        assert told[0]["critical"]["identity"] == {"docker-reference": published.name}
    other = f"--key={tmp_path / 'theirs.pub'}"
    failed = tools.fails("cosign", "verify", other, *relaxed, f"{published.name}:py311")
    assert "no matching signatures" in failed
