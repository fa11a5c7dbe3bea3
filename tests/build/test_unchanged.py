"""A build of what has not changed: found out without reading the stack, and never wrongly."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from yard import COMMAND, Yard

from stackyard.build import unchanged
from stackyard.build.unchanged import BuiltImage, LastBuild
from stackyard.oci.descriptor import DOCKER_CONFIG
from stackyard.oci.store import Store


class Place:
    """A project of a few files, whose one image is a blob in a store."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "project"
        (self.root / "layers" / "grid").mkdir(parents=True)
        (self.root / "stackyard.yaml").write_text("layers: {}\n")
        (self.root / "layers" / "grid" / "run.sh").write_text("true\n")
        (self.root / "link").symlink_to("stackyard.yaml")
        self.store = Store.open(folder / "store")
        self.blob = self.store.put(b"{}", DOCKER_CONFIG).digest
        self.images = [BuiltImage("a:default", "linux/amd64", self.blob, {self.blob: 2})]

    def last(self, *targets: str) -> LastBuild:
        return LastBuild(self.store, self.root / "stackyard.yaml", targets)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    made = Place(tmp_path)
    made.last().remember(made.images)
    assert made.last().images() == made.images
    return made


@pytest.fixture(params=[True, False], ids=["changed lately", "changed long ago"])
def lately(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """As files of which times tell enough, and as such of which they do not."""
    if not request.param:
        monkeypatch.setattr(unchanged, "_SETTLED", -60_000_000_000)


def replaced(root: Path) -> None:
    """Another file of the same length and the same time of change."""
    path = root / "layers" / "grid" / "run.sh"
    before = path.stat()
    (root / "new").write_text("TRUE\n")
    os.utime(root / "new", ns=(before.st_atime_ns, before.st_mtime_ns))
    (root / "new").replace(path)


CHANGES: dict[str, Callable[[Path], object]] = {
    "another content": lambda root: (root / "stackyard.yaml").write_text("layers: {a: {}}\n"),
    "another file in its place": replaced,
    "a mode": lambda root: (root / "layers" / "grid" / "run.sh").chmod(0o755),
    "a folder's mode": lambda root: (root / "layers" / "grid").chmod(0o700),
    "a new file": lambda root: (root / "layers" / "grid" / "apt.txt").touch(),
    "a new folder": lambda root: (root / "layers" / "science").mkdir(),
    "a removed file": lambda root: (root / "layers" / "grid" / "run.sh").unlink(),
    "a renamed file": lambda root: (root / "link").rename(root / "other"),
    "a folder that goes": lambda root: shutil.rmtree(root / "layers"),
}


@pytest.mark.usefixtures("lately")
@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_every_change_is_seen(place: Place, change: Callable[[Path], object]) -> None:
    change(place.root)
    assert place.last().images() is None


def test_a_link_to_a_file_elsewhere_is_followed(place: Place, tmp_path: Path) -> None:
    real = tmp_path / "elsewhere.yaml"
    real.write_text("layers: {}\n")
    (place.root / "stackyard.yaml").unlink()
    (place.root / "stackyard.yaml").symlink_to(real)
    place.last().remember(place.images)
    assert place.last().images() == place.images
    real.write_text("layers: {a: {}}\n")
    assert place.last().images() is None


def test_a_change_that_leaves_no_trace_is_seen_while_it_is_possible(place: Place) -> None:
    """Written again within the clock's tick: the file system tells the same of it."""
    memo = next((place.store.root / "memo").glob("built-*/*.json"))
    path = str(place.root / "layers" / "grid" / "run.sh")
    text = memo.read_text()
    known = unchanged._hash(path)
    assert known in text
    memo.write_text(text.replace(known, "0" * 64))
    assert place.last().images() is None


def test_a_file_that_changes_during_the_build_is_built_the_next_time(place: Place) -> None:
    before = place.last()
    (place.root / "layers" / "grid" / "run.sh").write_text("false\n")
    before.remember(place.images)
    assert place.last().images() is None


def test_what_was_asked_for_counts(place: Place) -> None:
    assert place.last("a").images() is None
    place.last("a").remember([])
    assert place.last("a").images() == []
    assert place.last().images() == place.images


def test_a_missing_blob_is_missed(place: Place) -> None:
    place.store.blob_path(place.blob).unlink()
    assert place.last().images() is None


def test_a_damaged_record_is_none(place: Place) -> None:
    memo = next((place.store.root / "memo").glob("built-*/*.json"))
    for text in ("", "[]", memo.read_text().replace('"fresh"', '"f"'), '{"state": 1}'):
        memo.write_text(text)
        assert place.last().images() is None


def test_too_many_files_are_not_looked_at(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unchanged, "MAX_FILES", 2)
    assert place.last().images() is None
    place.last().remember(place.images)
    monkeypatch.undo()
    assert place.last().images() == place.images  # as it was remembered before


def test_git_and_the_store_are_no_part_of_the_project(place: Place) -> None:
    (place.root / ".git").mkdir()
    (place.root / ".git" / "index").touch()
    assert place.last().images() == place.images
    inside = Store.open(place.root / ".store")
    blob = inside.put(b"{}", DOCKER_CONFIG).digest
    images = [BuiltImage("a:default", "linux/amd64", blob, {blob: 2})]
    path = place.root / "stackyard.yaml"
    LastBuild(inside, path).remember(images)
    assert LastBuild(inside, path).images() == images


def imported(yard: Yard) -> tuple[str, set[str]]:
    """What `stackyard build` prints, and which modules it imports."""
    words = [COMMAND[0], "-X", "importtime", *COMMAND[1:]]
    done = subprocess.run(
        [*words, "build", "--file", yard.root / "stackyard.yaml", "--store", yard.store],
        capture_output=True,
        text=True,
        check=True,
    )
    lines = done.stderr.splitlines()
    modules = {line.rpartition("|")[2].strip() for line in lines if line.startswith("import time:")}
    assert "nothing to do: everything is in the store" in lines
    return done.stdout, modules


def test_the_second_build_reads_no_stack_and_shows_the_same(built: Yard) -> None:
    shown, _ = imported(built)
    again, modules = imported(built)
    assert again == shown
    assert "stackyard.build.unchanged" in modules
    assert not modules & {"pydantic", "yaml", "httpx", "stackyard.stack.load"}
    built.write("motd", "other\n")
    assert "1 steps" not in built.run("build").err.splitlines()
    assert built.run("build", "top").err.count("nothing to do")
