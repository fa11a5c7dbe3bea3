"""Images from archives: docker's kind and image layouts, whole, damaged and hostile."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import lzma
import tarfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from stackyard.errors import InputError, OutsideError
from stackyard.oci import sources, tarfiles
from stackyard.oci.descriptor import LAYER_GZIP, LAYER_TAR, Descriptor, Platform
from stackyard.oci.export import write_docker_archive, write_layout
from stackyard.oci.image import read_image
from stackyard.oci.sources import import_docker_archive, import_oci_archive
from stackyard.oci.store import Store

AMD64 = Platform("linux", "amd64")
ARM64 = Platform("linux", "arm64")

Members = dict[str, bytes | tarfile.TarInfo]


@pytest.fixture
def other(tmp_path: Path) -> Store:
    """The store that images are brought to."""
    return Store.open(tmp_path / "other")


def write(path: Path, members: Mapping[str, bytes | tarfile.TarInfo]) -> Path:
    with tarfile.open(path, "w") as tar:
        for name, content in members.items():
            info = content if isinstance(content, tarfile.TarInfo) else tarfile.TarInfo()
            info.name = name
            if isinstance(content, bytes):
                info.size = len(content)
            tar.addfile(info, io.BytesIO(content) if isinstance(content, bytes) else None)
    return path


def special(kind: bytes, target: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo()
    info.type, info.linkname = kind, target
    return info


def layer(text: str = "hello") -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        info = tarfile.TarInfo("etc/motd")
        info.size = len(text)
        tar.addfile(info, io.BytesIO(text.encode()))
    return out.getvalue()


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def docker(*layers: bytes, stored: Callable[[bytes], bytes] = bytes, **more: Any) -> Members:
    """The members of a docker archive with one image."""
    config = {
        "os": "linux",
        "architecture": "amd64",
        "config": {"Cmd": ["sh"]},
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{digest(data)}" for data in layers]},
    }
    data = json.dumps(config | more).encode()
    entry = {
        "Config": f"{digest(data)}.json",
        "RepoTags": ["acme/hub:1"],
        "Layers": [f"{digest(x)}/layer.tar" for x in layers],
    }
    return {
        f"{digest(data)}.json": data,
        **{f"{digest(x)}/layer.tar": stored(x) for x in layers},
        "manifest.json": json.dumps([entry]).encode(),
    }


@pytest.mark.parametrize("pack", [bytes, gzip.compress, lzma.compress])
def test_what_we_write_as_a_docker_archive(store, make_image, other, tmp_path, pack) -> None:
    image = make_image({"a": b"1" * 5000}, {"b": b"2"})
    out = io.BytesIO()
    write_docker_archive(store, {"acme/hub:1": image}, out)
    path = tmp_path / "hub.tar"
    path.write_bytes(pack(out.getvalue()))
    found = read_image(other, import_docker_archive(other, path, AMD64))
    before = read_image(store, image)
    assert [x.diff_id for x in found.layers] == [x.diff_id for x in before.layers]
    assert [x.size for x in found.layers] == [x.size for x in before.layers]
    assert {x.descriptor.media_type for x in found.layers} == {LAYER_TAR}
    assert (found.config, found.history) == (before.config, before.history)
    assert import_docker_archive(other, path, AMD64, "acme/hub:1") == found.manifest


@pytest.mark.parametrize("pack", [bytes, gzip.compress, lzma.compress])
def test_an_oci_archive_is_the_image_to_the_byte(store, make_image, other, tmp_path, pack) -> None:
    image = make_image({"a": b"1" * 5000}, {"b": b"2"})
    path = oci_archive(store, {"one": image}, tmp_path, pack)
    found = import_oci_archive(other, path, AMD64)
    assert found.digest == image.digest
    assert read_image(other, found).layers == read_image(store, image).layers
    assert import_oci_archive(other, path, AMD64, "one").digest == image.digest
    assert not list((other.root / "tmp").glob("*/scratch-*"))


def oci_archive(
    store: Store,
    images: Mapping[str, Descriptor],
    folder: Path,
    pack: Callable[[bytes], bytes] = bytes,
    change: Callable[[Path], None] = lambda _: None,
) -> Path:
    layout = folder / "layout"
    write_layout(store, images, layout)
    change(layout)
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        tar.add(layout, "./")
    path = folder / "oci.tar"
    path.write_bytes(pack(out.getvalue()))
    return path


def test_several_images_in_one_archive(store, make_image, other, tmp_path) -> None:
    images = {
        "acme/a:1": make_image({"a": b"a"}),
        "acme/b:1": make_image({"b": b"b"}),
        "acme/b:arm": make_image({"b": b"b"}, platform=ARM64),
    }
    path = tmp_path / "docker.tar"
    with path.open("wb") as out:
        write_docker_archive(store, images, out)
    for bring, archive in (
        (import_docker_archive, path),
        (import_oci_archive, oci_archive(store, images, tmp_path)),
    ):
        assert bring(other, archive, ARM64).platform == ARM64
        bring(other, archive, AMD64, "acme/b:1")
        with pytest.raises(InputError, match="there are 2 images for linux/amd64") as two:
            bring(other, archive, AMD64)
        assert two.value.hint == "name one of: acme/a:1, acme/b:1, acme/b:arm"
        with pytest.raises(InputError, match="no image is named 'acme/c:1'"):
            bring(other, archive, AMD64, "acme/c:1")
        with pytest.raises(InputError, match="no image for linux/s390x") as none:
            bring(other, archive, Platform("linux", "s390x"))
        assert none.value.hint == "it has images for: linux/amd64, linux/arm64"
        assert str(other.root) not in str(two.value) + str(none.value)


def test_compressed_layers_stay_as_they_are(other, tmp_path) -> None:
    path = write(tmp_path / "a.tar", docker(layer(), stored=gzip.compress))
    (found,) = read_image(other, import_docker_archive(other, path, AMD64)).layers
    assert found.descriptor.media_type == LAYER_GZIP
    assert found.diff_id == f"sha256:{digest(layer())}"


def test_layers_that_are_links_to_each_other(other, tmp_path) -> None:
    """Older dockers write a layer once and link to it."""
    members = docker(layer(), layer("other"))
    first, second = (name for name in members if name.endswith("layer.tar"))
    entry = json.loads(members["manifest.json"])  # type: ignore[arg-type]
    entry[0]["Layers"] = ["x/layer.tar", "y/layer.tar"]
    members["manifest.json"] = json.dumps(entry).encode()
    members["x/layer.tar"] = special(tarfile.SYMTYPE, f"../{first}")
    members["y/layer.tar"] = special(tarfile.LNKTYPE, second)
    path = write(tmp_path / "a.tar", members)
    assert len(read_image(other, import_docker_archive(other, path, AMD64)).layers) == 2


def test_the_wrong_kind_of_archive_is_told(store, make_image, other, tmp_path) -> None:
    path = oci_archive(store, {"one": make_image({"a": b"1"})}, tmp_path)
    with pytest.raises(InputError, match="no docker-archive") as wrong:
        import_docker_archive(other, path, AMD64)
    assert wrong.value.hint == f"say oci-archive:{path}"
    path = write(tmp_path / "docker.tar", docker(layer()))
    with pytest.raises(InputError, match="no oci-archive") as wrong:
        import_oci_archive(other, path, AMD64)
    assert wrong.value.hint == f"say docker-archive:{path}"
    path = write(tmp_path / "neither.tar", {"x": b"y"})
    with pytest.raises(InputError, match="no oci-archive") as wrong:
        import_oci_archive(other, path, AMD64)
    assert "skopeo" in str(wrong.value)


@pytest.mark.parametrize("bring", [import_docker_archive, import_oci_archive])
def test_what_is_no_archive(other, tmp_path, bring) -> None:
    missing = tmp_path / "missing.tar"
    with pytest.raises(InputError, match=r"missing.tar: there is no such file"):
        bring(other, missing, AMD64)
    with pytest.raises(InputError, match="it is no file"):
        bring(other, tmp_path, AMD64)
    whole = write(tmp_path / "whole.tar", docker(layer("x" * 5000))).read_bytes()
    for content in (b"", b"hello" * 300, whole[:700], bytes(512) + b"x" * 512):
        missing.write_bytes(content)
        with pytest.raises(InputError, match=r"missing.tar"):
            bring(other, missing, AMD64)
    missing.write_bytes(gzip.compress(whole)[:-20])
    with pytest.raises(OutsideError, match="damaged or cut short"):
        bring(other, missing, AMD64)
    missing.write_bytes(b"\x28\xb5\x2f\xfd" + b"x" * 50)
    with pytest.raises(OutsideError, match="zstd"):
        bring(other, missing, AMD64)


def change_blob(kind: str, how: Callable[[Path], None]) -> Callable[[Path], None]:
    """Something that is done to a blob of a layout: its first layer, config or manifest."""

    def change(layout: Path) -> None:
        def at(name: str) -> Path:
            return layout / "blobs" / "sha256" / name.removeprefix("sha256:")

        manifest = at(json.loads((layout / "index.json").read_text())["manifests"][0]["digest"])
        document = json.loads(manifest.read_text())
        path = {
            "manifest": manifest,
            "config": at(document["config"]["digest"]),
            "layer": at(document["layers"][0]["digest"]),
        }[kind]
        data = path.read_bytes()
        path.unlink()  # it is a hard link into the store
        path.write_bytes(data)
        how(path)

    return change


@pytest.mark.parametrize("kind", ["manifest", "config", "layer"])
@pytest.mark.parametrize(
    "how",
    [
        Path.unlink,
        lambda path: path.write_bytes(path.read_bytes()[:-1]),
        lambda path: path.write_bytes(path.read_bytes()[:-1] + b"?"),
    ],
    ids=["missing", "cut", "changed"],
)
def test_an_oci_archive_with_a_blob_that_is_not_right(
    store, make_image, other, tmp_path, kind, how
) -> None:
    change = change_blob(kind, how)
    path = oci_archive(store, {"one": make_image({"a": b"1" * 99})}, tmp_path, change=change)
    with pytest.raises(InputError) as broken:
        import_oci_archive(other, path, AMD64)
    assert f"{path}: broken image layout" in str(broken.value)
    assert "make the image layout again" in str(broken.value)
    assert str(other.root) not in str(broken.value)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda m: m.pop(next(n for n in m if n.endswith("layer.tar"))), "is missing"),
        (lambda m: m.pop(next(n for n in m if n.endswith(".json"))), "is missing"),
        (lambda m: m.update({n: b"?" for n in m if n.endswith("layer.tar")}), "digest says"),
        (lambda m: m.update({next(iter(m)): b"{}"}), "digest says"),
        (lambda m: m.update({"manifest.json": b"{"}), "documents are broken"),
        (lambda m: m.update({"manifest.json": b'[{"Config": 1}]'}), "is missing"),
        (lambda m: m.update({"manifest.json": b"[1]"}), "documents are broken"),
        (lambda m: m.update({"manifest.json": b"[" * 100_000}), "documents are broken"),
        (lambda m: m.update({"manifest.json": b'[{"Config": "manifest.json"}]'}), "are broken"),
        (lambda m: m.update({"manifest.json": b"[]"}), "no image for linux/amd64"),
        (lambda m: m.update({"../../evil": b""}), "leads out"),
        (lambda m: m.update({"/etc/evil": b""}), "leads out"),
        (lambda m: m.update({"dev": special(tarfile.CHRTYPE)}), None),
    ],
)
def test_docker_archives_that_are_damaged_or_hostile(other, tmp_path, change, expected) -> None:
    members = docker(layer())
    change(members)
    path = write(tmp_path / "a.tar", members)
    if expected is None:
        import_docker_archive(other, path, AMD64)
        return
    with pytest.raises(InputError, match=expected) as broken:
        import_docker_archive(other, path, AMD64)
    assert str(path) in str(broken.value)
    assert broken.value.hint
    assert not (tmp_path.parent / "evil").exists()


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        (special(tarfile.SYMTYPE, "../../../../etc/passwd"), "leads out"),
        (special(tarfile.SYMTYPE, "/etc/passwd"), "leads out"),
        (special(tarfile.SYMTYPE, "layer.tar"), "loop of links"),
        (special(tarfile.SYMTYPE, "nothing"), "is missing"),
        (special(tarfile.LNKTYPE, "../x"), "leads out"),
        (special(tarfile.FIFOTYPE), "no regular file"),
        (special(tarfile.DIRTYPE), "no regular file"),
    ],
)
def test_layers_that_are_no_files(other, tmp_path, made, expected) -> None:
    members = docker(layer())
    members[next(n for n in members if n.endswith("layer.tar"))] = made
    with pytest.raises(InputError, match=expected):
        import_docker_archive(other, write(tmp_path / "a.tar", members), AMD64)


def test_links_in_an_oci_archive_are_not_followed(store, make_image, other, tmp_path) -> None:
    def change(path: Path) -> None:
        path.rename(path.with_name("elsewhere"))
        path.symlink_to("elsewhere")

    path = oci_archive(
        store,
        {"one": make_image({"a": b"1"})},
        tmp_path,
        change=change_blob("layer", change),
    )
    with pytest.raises(InputError, match="it is missing"):
        import_oci_archive(other, path, AMD64)


def test_configs_and_layers_that_contradict_each_other(other, tmp_path) -> None:
    rootfs = {"type": "layers", "diff_ids": [f"sha256:{digest(layer())}"] * 2}
    path = write(tmp_path / "a.tar", docker(layer(), rootfs=rootfs))
    with pytest.raises(InputError, match=r"1 layers, of which .* names 2"):
        import_docker_archive(other, path, AMD64)
    path = write(tmp_path / "b.tar", docker(layer(), rootfs={"diff_ids": ["md5:1"]}))
    with pytest.raises(InputError, match="not a sha256 digest"):
        import_docker_archive(other, path, AMD64)


def test_bombs(other, tmp_path, monkeypatch) -> None:
    members = docker(layer())
    path = write(tmp_path / "a.tar", {**members, "zeros": bytes(3_000_000)})
    packed = tmp_path / "a.tar.gz"
    packed.write_bytes(gzip.compress(path.read_bytes()))
    import_docker_archive(other, packed, AMD64)
    monkeypatch.setattr(tarfiles, "_ROOM", 1000)
    with pytest.raises(InputError, match="unpacks to more than"):
        import_docker_archive(other, packed, AMD64)
    monkeypatch.setattr(tarfiles, "_MOST_MEMBERS", 3)
    with pytest.raises(InputError, match="more than 3 members"):
        import_docker_archive(other, path, AMD64)
    monkeypatch.undo()
    monkeypatch.setattr(sources, "_MOST_CONFIGS", 100)
    with pytest.raises(InputError, match="configs are longer than"):
        import_docker_archive(other, path, AMD64)
    monkeypatch.setattr(sources, "MAX_DOCUMENT", 100)
    with pytest.raises(InputError, match="more than 100"):
        import_docker_archive(other, path, AMD64)


def test_sparse_files_and_long_headers_are_refused(other, tmp_path) -> None:
    sparse = tarfile.TarInfo("huge")
    sparse.type = tarfile.GNUTYPE_SPARSE
    header = bytearray(sparse.tobuf(tarfile.GNU_FORMAT))
    header[386 : 386 + 24] = b"00000000000\x0000000000000\x00"  # one piece of no length
    header[483:495] = b"77777777777\x00"  # and eight gigabytes in all
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\x00 " % sum(header)
    path = tmp_path / "a.tar"
    path.write_bytes(bytes(header) + bytes(1024))
    with pytest.raises(InputError, match="sparse"):
        import_docker_archive(other, path, AMD64)
    info = tarfile.TarInfo("x")
    info.type, info.size = tarfile.XHDTYPE, 1 << 33
    path.write_bytes(info.tobuf(tarfile.GNU_FORMAT) + bytes(1024))
    with pytest.raises(InputError, match="extended header"):
        import_docker_archive(other, path, AMD64)
