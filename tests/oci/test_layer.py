from __future__ import annotations

import gzip as stdlib
import io
import subprocess
import tarfile
from dataclasses import replace
from pathlib import Path

import pytest

from stackyard.errors import InputError
from stackyard.oci.descriptor import LAYER_GZIP
from stackyard.oci.digest import sha256
from stackyard.oci.layer import Layer, layer_from_tar
from stackyard.oci.store import Store
from stackyard.oci.tar import TarEntry


def archive_of(files: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.GNU_FORMAT) as archive:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size, info.mtime, info.uname = len(data), 1.5, "somebody"  # type: ignore[assignment]
            archive.addfile(info, io.BytesIO(data))
    return out.getvalue()


BIG = archive_of({"a": b"a" * 3_000_000, "b": b"hello", "deep/" * 60 + "c": b"x"})


def test_an_archive_stays_as_it_is(store: Store) -> None:
    layer = layer_from_tar(store, io.BytesIO(BIG))
    data = store.blob_path(layer.descriptor.digest).read_bytes()
    assert stdlib.decompress(data) == BIG
    assert layer.diff_id == sha256(BIG)
    assert layer.size == len(BIG)
    assert layer.descriptor.digest == sha256(data)
    assert layer.descriptor.media_type == LAYER_GZIP
    assert Layer.from_json(layer.to_json()) == layer


def test_the_same_archive_in_other_pieces_is_the_same_blob(store: Store) -> None:
    class Trickle(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            return super().read(min(size or 0, 777) if size and size > 0 else size)

    assert layer_from_tar(store, Trickle(BIG)) == layer_from_tar(store, io.BytesIO(BIG))


def test_entries_can_be_changed_and_left_out(store: Store) -> None:
    def normalise(entry: TarEntry) -> TarEntry | None:
        return None if entry.name == "a" else replace(entry, mtime=7, name=f"opt/{entry.name}")

    layer = layer_from_tar(store, io.BytesIO(BIG), normalise=normalise)
    with tarfile.open(store.blob_path(layer.descriptor.digest)) as archive:
        found = {
            info.name: (info.mtime, archive.extractfile(info).read())  # type: ignore[union-attr]
            for info in archive
        }
        assert {info.uname for info in archive} == {""}
    assert found == {"opt/b": (7, b"hello"), "opt/" + "deep/" * 60 + "c": (7, b"x")}


def test_every_kind_of_entry_survives_being_written_anew(store: Store, tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    (tree / "dir").mkdir(parents=True)
    (tree / "dir" / "file").write_text("x")
    (tree / "dir" / "file").chmod(0o4755)
    (tree / "hard").hardlink_to(tree / "dir" / "file")
    (tree / "ln").symlink_to("/etc/" + "x" * 200)
    with (tree / "holes").open("wb") as file:
        file.truncate(3_000_000)
        file.seek(2_000_000)
        file.write(b"island")
    program = ["tar", "--sparse", "-C", tree, "-cf", "-", "."]
    given = subprocess.run(program, capture_output=True, check=True).stdout
    layer = layer_from_tar(store, io.BytesIO(given), normalise=lambda entry: entry)
    with (
        tarfile.open(fileobj=io.BytesIO(given)) as before,
        tarfile.open(store.blob_path(layer.descriptor.digest)) as after,
    ):

        def told(info: tarfile.TarInfo) -> tuple[object, ...]:
            return info.name, info.isreg(), info.islnk(), info.issym(), info.mode, info.linkname

        assert sorted(map(told, before)) == sorted(map(told, after))
        holes = after.extractfile("./holes")
        assert holes is not None
        assert holes.read() == (tree / "holes").read_bytes()


def test_a_broken_header_in_the_middle_is_not_taken_for_the_end(store: Store) -> None:
    header = BIG.index(b"ustar", 1_000_000) // 512 * 512
    broken = BIG[:header] + b"x" * 512 + BIG[header + 512 :]
    for data in (broken, BIG[:header], BIG[: header + 100]):
        with pytest.raises(InputError, match="damaged"):
            layer_from_tar(store, io.BytesIO(data), normalise=lambda entry: entry)


def test_an_extended_header_is_bounded(store: Store) -> None:
    info = tarfile.TarInfo("x")
    info.type, info.size = tarfile.XHDTYPE, 5_000_000
    data = info.tobuf(tarfile.USTAR_FORMAT) + bytes(5_000_192) + BIG
    with pytest.raises(InputError, match="extended header of 5000000 bytes"):
        layer_from_tar(store, io.BytesIO(data), normalise=lambda entry: entry)


@pytest.mark.parametrize("again", [False, True])
@pytest.mark.parametrize(
    "data",
    [b"not a tar archive at all" * 100, b"", BIG[:-20_000], BIG[:2_000_000], BIG[:100]],
    ids=["text", "nothing", "end", "middle", "start"],
)
def test_what_is_no_whole_archive_is_refused(store: Store, data: bytes, again: bool) -> None:
    with pytest.raises(InputError, match="tar archive"):
        layer_from_tar(store, io.BytesIO(data), normalise=(lambda e: e) if again else None)
    assert list((store.root / "blobs" / "sha256").iterdir()) == []
