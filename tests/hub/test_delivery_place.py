"""Where files go: whole, and never over what is somebody else's."""

from __future__ import annotations

import os
import stat
from dataclasses import replace
from pathlib import Path

import pytest
from deliverycases import NASTY, offered
from hubcases import CAMPUS

from stackyard.errors import InputError, OutsideError
from stackyard.hub.delivery.formats import FORMATS, deliver
from stackyard.hub.delivery.place import place
from stackyard.hub.delivery.shape import Delivery

VALUES = deliver("values", CAMPUS, offered(CAMPUS))
FOLDER = deliver("kustomize", CAMPUS, offered(CAMPUS))


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_file_over_another(tmp_path: Path) -> None:
    path = tmp_path / "profiles.yaml"
    path.write_text("old")
    path.chmod(0o640)
    place(VALUES, path, CAMPUS, folder=False)
    assert path.read_text() == VALUES.text
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert names(tmp_path) == ["profiles.yaml"]


def test_a_new_file_can_be_read_by_all(tmp_path: Path) -> None:
    place(VALUES, tmp_path / "a.yaml", CAMPUS, folder=False)
    assert stat.S_IMODE((tmp_path / "a.yaml").stat().st_mode) == 0o644


def test_a_link_stays_one(tmp_path: Path) -> None:
    (tmp_path / "link.yaml").symlink_to("real.yaml")
    place(VALUES, tmp_path / "link.yaml", CAMPUS, folder=False)
    assert (tmp_path / "link.yaml").is_symlink()
    assert (tmp_path / "real.yaml").read_text() == VALUES.text


def test_a_pipe(tmp_path: Path) -> None:
    reader, writer = os.pipe()
    place(VALUES, Path(f"/dev/fd/{writer}"), CAMPUS, folder=False)
    os.close(writer)
    with os.fdopen(reader) as file:
        assert file.read() == VALUES.text


def test_a_folder_again(tmp_path: Path) -> None:
    path = tmp_path / "hub" / "profiles"
    for made in (deliver("kustomize", NASTY, offered(NASTY)), FOLDER):
        place(made, path, CAMPUS, folder=True)
        assert {name: (path / name).read_text() for name in names(path)} == made.files


def test_a_folder_that_has_a_kustomization_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "kustomization.yaml").write_text("resources: [release.yaml]\n")
    with pytest.raises(InputError, match=r"its kustomization\.yaml is not one of ours"):
        place(FOLDER, tmp_path, CAMPUS, folder=True)
    assert names(tmp_path) == ["kustomization.yaml"]
    assert (tmp_path / "kustomization.yaml").read_text() == "resources: [release.yaml]\n"


def test_places_that_are_none(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    stack_file = tmp_path / "stackyard.yaml"
    stack_file.write_text("the source of truth")
    written = replace(CAMPUS, path=stack_file)
    with pytest.raises(InputError, match="that is a folder"):
        place(VALUES, tmp_path, written, folder=False)
    with pytest.raises(InputError, match="that is no folder"):
        place(FOLDER, tmp_path / "file", written, folder=True)
    with pytest.raises(InputError, match="that is the stack file"):
        place(VALUES, tmp_path / "x" / ".." / "stackyard.yaml", written, folder=False)
    with pytest.raises(OutsideError, match="No such file"):
        place(VALUES, tmp_path / "none" / "a.yaml", written, folder=False)
    with pytest.raises(OutsideError, match="Not a directory"):
        place(FOLDER, tmp_path / "file" / "a", written, folder=True)
    assert names(tmp_path) == ["file", "stackyard.yaml"]
    assert stack_file.read_text() == "the source of truth"


def test_a_full_disk_leaves_nothing() -> None:
    with pytest.raises(OutsideError, match="No space left"):
        place(VALUES, Path("/dev/full"), CAMPUS, folder=False)


def test_every_format_has_its_module_and_its_files() -> None:
    for name, known in FORMATS.items():
        made = deliver(name, CAMPUS, offered(CAMPUS))
        assert isinstance(made, Delivery)
        assert (len(made.files) > 1) == known.folder
        for text in made.files.values():
            assert text.endswith("\n")
            assert text.startswith(("# Written by `stackyard profiles`", "["))
