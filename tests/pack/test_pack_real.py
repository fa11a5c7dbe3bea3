"""Real packages from the index, packed, unpacked over an empty root, and used."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
from uv import find_uv_bin

from stackyard.inventory.facts import Scheme
from stackyard.pack.compiler import find_compiler
from stackyard.pack.group import pack_group
from stackyard.pack.segment import pack_segment

PACKAGES = ("numpy", "jupyterlab", "ipykernel")
MINOR = f"{sys.version_info.major}.{sys.version_info.minor}"


@pytest.fixture(scope="module")
def wheels(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheels")
    command = [sys.executable, "-m", "pip", "download", "-q", "--only-binary", ":all:"]
    subprocess.run([*command, "-d", str(folder), *PACKAGES], check=True)
    return sorted(folder.glob("*.whl"))


@pytest.mark.real
def test_packages_work_where_they_are_unpacked(packer, store, wheels, tmp_path):
    """The root is a virtual environment without packages, at the place that scripts name."""
    root = tmp_path / "root"
    command = [find_uv_bin(), "venv", "--quiet", "--python", sys.executable, str(root)]
    subprocess.run(command, check=True)
    python = root / "bin" / "python"
    prefix = str(root).lstrip("/")
    site = f"{prefix}/lib/python{MINOR}/site-packages"
    scheme = Scheme(site, site, f"{prefix}/bin", prefix, f"{prefix}/include/site/python{MINOR}")
    compiler = find_compiler(MINOR)
    segments = []
    for wheel in wheels:
        task = packer.task_for(
            wheel.name,
            wheel.read_bytes(),
            scheme=scheme,
            interpreter=str(python),
            python_minor=MINOR,
            bytecode=True,
        )
        segments.append(pack_segment(task, wheel, store.cache("segments"), compiler))
    layer = pack_group(store, segments)
    with tarfile.open(store.blob_path(layer.descriptor.digest)) as archive:
        archive.extractall("/", filter=_within(root))  # noqa: S202 - filtered

    def run(*command: str) -> str:
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout

    run(find_uv_bin(), "pip", "check", "--python", str(python))
    listed = run(find_uv_bin(), "pip", "list", "--format", "freeze", "--python", str(python))
    assert len(listed.splitlines()) == len(wheels)
    names = {line.partition("==")[0].lower() for line in listed.splitlines()}
    assert set(PACKAGES) <= names
    assert "(3, 4)" in run(str(python), "-c", "import numpy; print(numpy.ones((3, 4)).shape)")
    assert run(f"{root}/bin/jupyter", "lab", "--version").strip()
    assert "python3" in run(f"{root}/bin/jupyter", "kernelspec", "list")
    cached = sorted(root.rglob("*.pyc"))
    assert len(cached) > 1000
    for pyc in cached:
        source = Path(importlib.util.source_from_cache(str(pyc))).read_bytes()
        head = importlib.util.MAGIC_NUMBER + b"\3\0\0\0" + importlib.util.source_hash(source)
        assert pyc.read_bytes()[:16] == head


def _within(root: Path):
    def accept(member: tarfile.TarInfo, _: str) -> tarfile.TarInfo | None:
        place = Path("/", member.name)
        return member if place.is_relative_to(root) else None

    return accept
