"""The images in the field's programs, and in a registry."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path

import pytest
from realengines import Registry, Storage
from realstack import BOTH, BYTECODE
from realyard import Yard, run

pytestmark = pytest.mark.real


@pytest.fixture(scope="module")
def pushed(built: Yard, registry: Registry) -> dict[str, str]:
    """What was pushed: repository and variant to reference by digest."""
    lines = built.run("push", "--json").stdout.splitlines()
    events = [json.loads(line) for line in lines]
    done = {f"{e['image']}:{e['variant']}": e for e in events if e["event"] == "pushed"}
    assert done.keys() == {"minimal:py311", "minimal:py313", "both:py311"}
    return {name: event["reference"].partition("@")[2] for name, event in done.items()}


def inspect(reference: str, *options: str) -> dict[str, object]:
    return json.loads(run("skopeo", "inspect", "--tls-verify=false", *options, reference))


def test_skopeo_finds_every_tag(pushed: dict[str, str], registry: Registry) -> None:
    found = inspect(f"docker://{registry.host}/hub/minimal:latest")
    assert found["Digest"] == pushed["minimal:py311"]
    tags = set(found["RepoTags"])
    assert {"latest", "py311", "py313", "py311-bookworm", "py313-trixie"} < tags
    kinds = Counter(tag.partition("-")[2].partition("-")[0] for tag in tags)
    # One immutable tag for each variant, whose base is kept beside it; what is inside.
    keys = [kind for kind in kinds if re.fullmatch("[0-9a-f]{12}", kind)]
    assert len(keys) == 4
    assert kinds["python"] == kinds["jupyterlab"] == kinds["jupyterhub"] == 2
    newer = inspect(f"docker://{registry.host}/hub/minimal:py313")
    assert newer["Digest"] == pushed["minimal:py313"]
    assert newer["Architecture"] == "amd64"
    assert newer["Labels"]["org.example.hub"] == "campus"


def test_every_byte_is_what_its_digest_says(
    pushed: dict[str, str], registry: Registry, tmp_path: Path
) -> None:
    """skopeo checks the digest of each blob that it copies."""
    image = f"docker://{registry.host}/hub/both@{pushed['both:py311']}"
    run("skopeo", "copy", "--src-tls-verify=false", image, f"dir:{tmp_path / 'copy'}")
    manifest = json.loads((tmp_path / "copy" / "manifest.json").read_text())
    files = {path.name for path in (tmp_path / "copy").iterdir()}
    assert {layer["digest"].partition(":")[2] for layer in manifest["layers"]} < files


def test_annotations_and_history(pushed: dict[str, str], registry: Registry, built: Yard) -> None:
    image = f"docker://{registry.host}/hub/both:py311"
    annotations = inspect(image, "--raw")["annotations"]
    prefix = "org.opencontainers.image."
    assert annotations[f"{prefix}title"] == "both"
    assert annotations[f"{prefix}version"] == "py311"
    assert f"{prefix}base.name" not in annotations  # a suite is no image reference
    config = inspect(image, "--config")
    history = [entry for entry in config["history"] if not entry.get("empty_layer")]
    assert len(history) == len(config["rootfs"]["diff_ids"])
    told = "\n".join(f"{entry['created_by']} {entry.get('comment', '')}" for entry in history)
    for package in built.locked("py311", *BOTH).values():
        assert f"{package.name} {package.version}" in told.replace("==", " ")
    for layer in BOTH:
        assert layer in told


def test_a_second_push_sends_nothing(
    pushed: dict[str, str], registry: Registry, built: Yard
) -> None:
    before = registry.sent()
    assert before > 0
    lines = built.run("push", "--json").stdout.splitlines()
    events = [e for e in map(json.loads, lines) if e["event"] == "pushed"]
    assert [e["uploaded"] for e in events] == [0, 0, 0]
    assert registry.sent() == before


def test_the_profile_list_names_what_was_pushed(pushed: dict[str, str], built: Yard) -> None:
    values = built.run("profiles").stdout
    assert f"@{pushed['both:py311']}" in values


def test_podman_loads_and_inspects(built: Yard, storage: Storage, registry: Registry) -> None:
    built.run("build", "--load", "podman", "minimal:py313", **storage.env)
    name = f"{registry.host}/hub/minimal:py313"
    found = json.loads(storage("podman", "image", "inspect", name))[0]
    assert found["Config"]["User"] == "1000:100"
    assert found["Config"]["WorkingDir"] == "/home/jovyan"
    assert found["Config"]["Entrypoint"] == ["tini", "-g", "--"]
    assert found["Config"]["Cmd"] == ["jupyterhub-singleuser"]
    assert "LANG=C.UTF-8" in found["Config"]["Env"]
    assert found["Architecture"] == "amd64"


def test_buildah_builds_on_it(pushed: dict[str, str], storage: Storage, registry: Registry) -> None:
    image = f"{registry.host}/hub/minimal:py313"
    container = storage("buildah", "from", "--tls-verify=false", "--pull-always", image).strip()
    try:
        root = Path(storage("buildah", "mount", container).strip())
        home = (root / "home/jovyan").stat()
        assert (home.st_uid, home.st_gid) == (1000, 100)
        assert (root / "usr/local/lib/python3.13/dist-packages/jupyterlab").is_dir()
        assert run("chroot", root, "jupyter-lab", "--version").startswith("4.")
        assert "No broken" in run("chroot", root, "python3", "-m", "pip", "check")
        bytecode = json.loads(run("chroot", root, "python3", "-c", BYTECODE))
        assert bytecode.pop("used") > 3000
        assert bytecode == {"stale": [], "without": []}
    finally:
        storage("buildah", "umount", container)
        storage("buildah", "rm", container)
