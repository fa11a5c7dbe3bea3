"""Images for another processor than this machine's."""

from __future__ import annotations

import json
import platform
import shutil
from pathlib import Path

import pytest
from realengines import Registry, Storage
from realyard import Yard, run

from stackyard.oci.assemble import assemble_index
from stackyard.oci.descriptor import Descriptor, Platform
from stackyard.oci.export import write_layout
from stackyard.oci.imports import import_layout
from stackyard.oci.store import Store

pytestmark = pytest.mark.real

BOTH = ("linux/amd64", "linux/arm64")

DEBIAN = """
platforms: [linux/amd64, linux/arm64]
layers:
  base:
    from: {debian: bookworm}
    apt: [ca-certificates, python3, python3-yaml, tini]
  science: {on: base, pip: [numpy]}
images:
  science: {layers: [science]}
"""

ROOTFS = """
platforms: [{platform}]
layers:
  base: {{from: {{rootfs: root.tar}}}}
images:
  base: {{layers: [base]}}
"""

LAYOUT = """
registry: {host}/foreign
platforms: [linux/amd64, linux/arm64]
layers:
  base: {{from: {{oci: bases}}}}
  science: {{on: base, pip: [numpy, jupyter-core], cmd: [jupyter, --paths]}}
images:
  science: {{layers: [science]}}
"""


def test_packages_are_locked_for_each_platform(built: Yard, tmp_path: Path) -> None:
    yard = Yard(tmp_path / "stack", built.store, built.env)
    yard.write(DEBIAN)
    yard.run("lock")
    numpy = yard.locked("default", "base", "science")["numpy"]
    assert {p: numpy.wheels[p].filename.rpartition("_")[2] for p in BOTH} == {
        "linux/amd64": "64.whl",
        "linux/arm64": "aarch64.whl",
    }
    plan = json.loads(yard.run("plan", "--json").stdout)
    assert {target["platform"] for target in plan["targets"]} == set(BOTH)
    yard.run("build", "--platform", "linux/amd64")
    if runs_arm64():
        yard.run("build", "--platform", "linux/arm64")
    else:
        told = yard.run("build", "--platform", "linux/arm64", exits=3).stderr
        assert f"this machine is {platform.machine()} and cannot run arm64 programs" in told
        assert "apt-get install qemu-user-static" in told
        assert "not built: science:default" in told


def runs_arm64() -> bool:
    enabled = Path("/proc/sys/fs/binfmt_misc/qemu-aarch64").is_file()
    return platform.machine() == "aarch64" or bool(enabled and shutil.which("arch-test"))


@pytest.fixture(scope="module")
def bases(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An OCI layout with a little Debian for two platforms, of which nothing was ever run."""
    folder = tmp_path_factory.mktemp("foreign")
    store = Store.open(folder / "joined")
    manifests = [extracted(folder / name.partition("/")[2], name, store) for name in BOTH]
    write_layout(store, {"bases": assemble_index(store, manifests)}, folder / "bases")
    return folder / "bases"


def extracted(folder: Path, name: str, store: Store) -> Descriptor:
    """A base of Debian packages that are unpacked but not configured."""
    yard = Yard(folder, folder / "store")
    yard.write(ROOTFS.format(platform=name))
    run(
        *("mmdebstrap", "--quiet", "--variant=extract", "--format=tar"),
        f"--architectures={name.partition('/')[2]}",
        "--include=python3,libstdc++6",
        *("bookworm", folder / "root.tar"),
    )
    yard.run("lock")
    yard.export(folder / "layout")
    return import_layout(store, folder / "layout", Platform.parse(name))


def test_a_foreign_image_is_packed_without_running_anything(
    bases: Path, built: Yard, registry: Registry, storage: Storage, tmp_path: Path
) -> None:
    yard = Yard(tmp_path / "stack", built.store, built.env)
    yard.write(LAYOUT.format(host=registry.host))
    shutil.copytree(bases, yard.folder / "bases")
    yard.run("lock")
    assert {
        name: base.measured
        for name, base in yard.lock().resolutions["default", "base"].bases.items()
    } == dict.fromkeys(BOTH, True)
    yard.run("push")
    image = f"{registry.host}/foreign/science:latest"

    index = json.loads(run("skopeo", "inspect", "--tls-verify=false", "--raw", f"docker://{image}"))
    assert [entry["platform"]["architecture"] for entry in index["manifests"]] == ["amd64", "arm64"]
    for architecture in ("amd64", "arm64"):
        choose = ("--override-arch", architecture, "--override-os", "linux")
        place = tmp_path / architecture
        run(
            *("skopeo", *choose, "copy", "--src-tls-verify=false"),
            *(f"docker://{image}", f"oci:{place}:science"),
        )
        root = unpacked(storage, place, tmp_path)
        assert told_by(root, architecture) == [
            {"amd64": "x86_64", "arm64": "aarch64"}[architecture],
            yard.locked("default", "base", "science")["numpy"].version,
            "45",
        ]


def unpacked(storage: Storage, layout: Path, folder: Path) -> Path:
    """The image's files in a folder."""
    container = storage("buildah", "from", f"oci:{layout}:science").strip()
    root = folder / f"{layout.name}-root"
    try:
        mounted = storage("buildah", "mount", container).strip()
        run("cp", "-a", mounted, root)
    finally:
        storage("buildah", "umount", container)
        storage("buildah", "rm", container)
    return root


def told_by(root: Path, architecture: str) -> list[str]:
    """What a program of the image says, run by an emulator where that is needed."""
    emulator = []
    if {"amd64": "x86_64", "arm64": "aarch64"}[architecture] != platform.machine():
        name = {"amd64": "qemu-x86_64-static", "arm64": "qemu-aarch64-static"}[architecture]
        found = shutil.which(name)
        assert found, f"{name} is not installed: apt-get install qemu-user-static"
        shutil.copy(found, root / name)
        emulator = [f"/{name}"]
    script = (
        "import platform, numpy as n; print(platform.machine(), n.__version__, sum(n.arange(10)))"
    )
    return run("chroot", root, *emulator, "/usr/bin/python3.11", "-c", script).split()
