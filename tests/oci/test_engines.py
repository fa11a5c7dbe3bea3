"""What other programs make of our images."""

from __future__ import annotations

import io
import json
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from stackyard.oci.assemble import assemble, assemble_index
from stackyard.oci.descriptor import Descriptor, Platform
from stackyard.oci.export import write_docker_archive, write_layout
from stackyard.oci.image import History, RuntimeConfig
from stackyard.oci.layer import layer_from_tar
from stackyard.oci.store import Store
from stackyard.oci.tar import END, Kind, TarEntry, header, padding

pytestmark = pytest.mark.real

NAME = "localhost/acme/hello:1"
LONG = "opt/" + "long/" * 60 + "fü"
Engine = Callable[..., str]


def run(*command: object) -> str:
    return subprocess.run(
        list(map(str, command)), check=True, stdout=subprocess.PIPE, text=True
    ).stdout


def layer_of(*entries: tuple[TarEntry, bytes]) -> io.BytesIO:
    pieces = [header(entry) + data + padding(len(data)) for entry, data in entries]
    return io.BytesIO(b"".join(pieces) + END)


@pytest.fixture
def image(store: Store) -> Descriptor:
    below = layer_of(
        (TarEntry("etc", Kind.DIRECTORY, 0o755), b""),
        (TarEntry("etc/hello", size=5, uid=1000, gid=100), b"hello"),
        (TarEntry("gone", size=1), b"x"),
    )
    above = layer_of(
        (TarEntry(LONG, size=4, xattrs={"user.note": b"a=b\n\0"}), b"long"),
        (TarEntry("opt/link", Kind.SYMLINK, 0o777, target="../etc/hello"), b""),
        (TarEntry(".wh.gone"), b""),
    )
    return assemble(
        store,
        platform=Platform("linux", "amd64"),
        layers=[
            (layer_from_tar(store, below), History("base")),
            (None, History("ENV A", empty_layer=True)),
            (layer_from_tar(store, above), History("more", comment="of it")),
        ],
        config=RuntimeConfig(
            env={"A": "b c"}, user="1000:100", workdir="/etc", cmd=("/hello",), labels={"l": "1"}
        ),
        annotations={"org.opencontainers.image.title": "hello"},
        created=datetime(2026, 1, 2, tzinfo=UTC),
    )


@pytest.fixture
def layout(store: Store, image: Descriptor, tmp_path: Path) -> Path:
    write_layout(store, {NAME: image}, tmp_path / "layout")
    return tmp_path / "layout"


@pytest.fixture
def archive(store: Store, image: Descriptor, tmp_path: Path) -> Path:
    path = tmp_path / "image.tar"
    with path.open("wb") as out:
        write_docker_archive(store, {NAME: image, "localhost/acme/hello:2": image}, out)
    return path


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    """Runs podman or buildah on a storage of its own."""
    with tempfile.TemporaryDirectory() as short:  # podman wants at most 50 characters here
        storage = ("--root", tmp_path / "storage", "--runroot", short, "--storage-driver", "vfs")
        yield lambda program, *words: run(program, *storage, *words)


def test_skopeo_reads_the_layout(layout: Path, image: Descriptor, tmp_path: Path) -> None:
    config = json.loads(run("skopeo", "inspect", "--config", f"oci:{layout}:{NAME}"))
    assert config["config"]["Env"] == ["A=b c"]
    assert config["config"]["User"] == "1000:100"
    assert [entry.get("empty_layer", False) for entry in config["history"]] == [False, True, False]
    run("skopeo", "copy", f"oci:{layout}:{NAME}", f"dir:{tmp_path / 'dir'}")
    found: Any = json.loads((tmp_path / "dir" / "manifest.json").read_text())
    assert found["annotations"] == {"org.opencontainers.image.title": "hello"}
    found = json.loads(run("skopeo", "inspect", f"oci:{layout}:{NAME}"))
    assert found["Digest"] == image.digest


def test_skopeo_reads_an_index(store: Store, image: Descriptor, tmp_path: Path) -> None:
    write_layout(store, {"x": assemble_index(store, [image])}, tmp_path / "index")
    choose = ("--override-os", "linux", "--override-arch", "amd64")
    run("skopeo", *choose, "copy", f"oci:{tmp_path / 'index'}:x", f"dir:{tmp_path / 'dir'}")
    assert (tmp_path / "dir" / "manifest.json").read_bytes() == store.read(image.digest)


def test_skopeo_reads_the_archive(archive: Path) -> None:
    config = json.loads(run("skopeo", "inspect", "--config", f"docker-archive:{archive}"))
    assert config["config"]["WorkingDir"] == "/etc"
    names = json.loads(run("skopeo", "list-tags", f"docker-archive:{archive}"))["Tags"]
    assert names == [NAME, "localhost/acme/hello:2"]


def test_podman_loads_the_archive(archive: Path, engine: Engine) -> None:
    engine("podman", "load", "--quiet", "--input", archive)
    found = json.loads(engine("podman", "image", "inspect", NAME))[0]
    assert sorted(found["RepoTags"]) == [NAME, "localhost/acme/hello:2"]
    assert found["Config"]["Cmd"] == ["/hello"]
    assert found["Labels"] == {"l": "1"}


def test_buildah_unpacks_the_layout(layout: Path, engine: Engine) -> None:
    container = engine("buildah", "from", f"oci:{layout}:{NAME}").strip()
    root = Path(engine("buildah", "mount", container).strip())
    try:
        hello = root / "etc" / "hello"
        assert hello.read_text() == "hello"
        assert (hello.stat().st_uid, hello.stat().st_gid) == (1000, 100)
        assert (root / LONG).read_text() == "long"
        assert (root / "opt" / "link").readlink() == Path("../etc/hello")
        assert not (root / "gone").exists()
    finally:
        engine("buildah", "umount", container)
        engine("buildah", "rm", container)
