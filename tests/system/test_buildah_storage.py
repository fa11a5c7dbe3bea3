"""What buildah keeps in the store's cache, with the real buildah."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from stackyard.errors import OutsideError
from stackyard.oci.store import Store
from stackyard.system.buildah import open_buildah
from stackyard.system.buildah_storage import (
    remove_parents,
    remove_storage,
    storage_size,
    unused_parents,
)

needs_buildah = pytest.mark.skipif(not shutil.which("buildah"), reason="needs buildah")
SIZE = 300_000


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store.open(tmp_path / "store")


def storage(store: Store, *words: str | Path) -> str:
    """What buildah says, called on the store's storage as `Buildah` calls it."""
    program = shutil.which("buildah")
    assert program
    with open_buildah(program, store) as engine:
        return engine._ask(*map(str, words))


def make_image(store: Store, folder: Path, parent: str, days: int) -> str:
    """An image with a file of `SIZE` bytes that was last used some days ago."""
    folder.mkdir()
    (folder / "file").write_bytes(os.urandom(SIZE))
    (folder / "Containerfile").write_text(f"FROM {parent}\nCOPY file /{folder.name}\n")
    command = ("build", "--isolation", "chroot", "--layers=false", "--iidfile", folder / "id")
    storage(store, *command, "--pull=false", folder)
    id_ = (folder / "id").read_text().removeprefix("sha256:")
    mark = store.root / "cache" / "buildah" / "used" / id_
    mark.touch()
    os.utime(mark, (time.time() - days * 86400,) * 2)
    return id_


@pytest.mark.real
@needs_buildah
def test_unused_parents_go_and_used_ones_stay(store: Store, tmp_path: Path) -> None:
    below = make_image(store, tmp_path / "below", "scratch", 5)
    old = make_image(store, tmp_path / "old", below, 5)
    new = make_image(store, tmp_path / "new", below, 1)
    assert unused_parents(store) == []
    found = {parent.id: parent.size for parent in unused_parents(store, 3)}
    assert found.keys() == {below, old}
    # `new` stands on the layer of `below`, so that stays.
    assert found[below] == 0
    assert SIZE < found[old] < SIZE + 10_000
    remove_parents(store, 3)
    assert unused_parents(store, 3) == []
    left = storage(store, "images", "--all", "--quiet", "--no-trunc").split()
    assert left == [f"sha256:{new}"]


@pytest.mark.real
@needs_buildah
def test_all_of_it_goes_and_is_made_anew(store: Store, tmp_path: Path) -> None:
    make_image(store, tmp_path / "one", "scratch", 1)
    assert storage_size(store) > SIZE
    remove_storage(store)
    assert storage_size(store) == 0
    assert list((store.root / "cache").iterdir()) == []
    make_image(store, tmp_path / "two", "scratch", 1)


def test_what_a_killed_removal_left_goes_too(store: Store) -> None:
    left = store.root / "cache" / "buildah.gone-1"
    left.mkdir(parents=True)
    (left / "file").write_bytes(bytes(100))
    assert storage_size(store) == 100
    remove_storage(store)
    assert not left.exists()


def test_nothing_there(store: Store) -> None:
    assert unused_parents(store) == []
    assert storage_size(store) == 0
    remove_storage(store)


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting needs root")
def test_something_is_mounted(store: Store) -> None:
    place = store.root / "cache" / "buildah" / "storage"
    place.mkdir(parents=True)
    mount = ["mount", "-t", "tmpfs", "tmpfs", str(place)]
    if subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("mounting is not allowed here")
    try:
        (place / "precious").touch()
        with pytest.raises(OutsideError, match="something is mounted in it"):
            remove_storage(store)
        assert (place / "precious").exists()
    finally:
        subprocess.run(["umount", str(place)], check=True)


def test_parents_without_buildah(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(OutsideError, match="--engine-storage"):
        remove_parents(store)
