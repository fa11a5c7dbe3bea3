from __future__ import annotations

import os
import socket
import stat
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from stackyard.build.reasons import changes
from stackyard.errors import InputError, OutsideError
from stackyard.system import context
from stackyard.system.context import fingerprints, stage

EPOCH = 315532800


@pytest.fixture
def top(root: Path) -> Path:
    """The context ``c`` of the project."""
    path = root / "c"
    path.mkdir()
    return path


def fill(top: Path, *paths: str) -> None:
    for path in paths:
        (top / path).parent.mkdir(parents=True, exist_ok=True)
        (top / path).write_text(path)


def seen(root: Path, folder: str = "c", name: str | None = "C", **more: object) -> set[str]:
    return set(fingerprints(root, folder, name, **more))  # type: ignore[arg-type]


def described(folder: Path) -> dict[str, tuple[object, ...]]:
    """All that is below a folder: kind, mode, time and content."""
    found: dict[str, tuple[object, ...]] = {}
    for path in [folder, *folder.rglob("*")]:
        status = path.lstat()
        if path.is_symlink():
            what: object = str(path.readlink())
        else:
            what = path.read_bytes() if path.is_file() else None
        mode = "" if path.is_symlink() else oct(stat.S_IMODE(status.st_mode))
        found[str(path.relative_to(folder))] = (mode, what, status.st_mtime)
    return found


def test_what_is_in_a_context_and_in_its_copy(root: Path, top: Path, tmp_path: Path) -> None:
    fill(top, "a", "b/c/d", ".hidden", "b/.git/x", ".git/config", "line\nbreak", "ü \U0001f600")
    fill(root, "not in it", "cc/not")
    (top / "a").chmod(0o4711)
    (top / "empty").mkdir()
    (top / "b/c").chmod(0o1777)
    (top / "out").symlink_to("../../../etc/passwd")
    (top / "loop").symlink_to("loop")
    (top / "folder").symlink_to("b")
    files = fingerprints(root, "c", "C")
    assert list(files) == [
        *("c/.hidden", "c/a", "c/b/.git/x", "c/b/c", "c/b/c/d", "c/empty", "c/folder"),
        *("c/line\nbreak", "c/loop", "c/out", "c/ü \U0001f600"),
    ]
    target = tmp_path / "target"
    target.mkdir()
    stage(root, "c", files, target)
    made = described(target)
    assert made.pop(".") == ("0o755", None, EPOCH)
    assert made == {
        "a": ("0o4711", b"a", EPOCH),
        "b": ("0o755", None, EPOCH),
        "b/c": ("0o1777", None, EPOCH),
        "b/c/d": ("0o644", b"b/c/d", EPOCH),
        ".hidden": ("0o644", b".hidden", EPOCH),
        "b/.git": ("0o755", None, EPOCH),
        "b/.git/x": ("0o644", b"b/.git/x", EPOCH),
        "line\nbreak": ("0o644", b"line\nbreak", EPOCH),
        "ü \U0001f600": ("0o644", "ü \U0001f600".encode(), EPOCH),
        "empty": ("0o755", None, EPOCH),
        "out": ("", "../../../etc/passwd", EPOCH),
        "loop": ("", "loop", EPOCH),
        "folder": ("", "b", EPOCH),
    }
    assert (target / "a").stat().st_ino != (top / "a").stat().st_ino
    assert fingerprints(tmp_path, "target", None) == {
        path.replace("c/", "target/", 1): value for path, value in files.items()
    }


def test_the_project_itself_can_be_the_context(root: Path, tmp_path: Path) -> None:
    fill(root, "a", "b/c", ".git/x", "left")
    files = fingerprints(root, ".", "C", leave_out=("left",))
    assert list(files) == ["a", "b/c"]
    (tmp_path / "target").mkdir()
    stage(root, ".", files, tmp_path / "target")
    assert (tmp_path / "target/b/c").read_text() == "b/c"


def test_only_names_at_the_top_are_left_out(root: Path, top: Path) -> None:
    fill(top, "run.sh", "x/run.sh", "apt.txt/y")
    assert seen(root, leave_out=("run.sh", "apt.txt")) == {"c/x/run.sh"}


def test_what_makes_a_difference(root: Path, top: Path) -> None:
    fill(top, "file", "kind", "d/x")
    (top / "link").symlink_to("a")
    (top / "empty").mkdir()
    before = fingerprints(root, "c", "C")
    assert fingerprints(root, "c", "C") == before
    os.utime(top / "file", (1, 1))
    assert fingerprints(root, "c", "C") == before
    (top / "file").write_text("elif")
    (top / "kind").unlink()
    (top / "kind").symlink_to("kind")
    (top / "d/x").chmod(0o755)
    (top / "link").unlink()
    (top / "link").symlink_to("b")
    now = fingerprints(root, "c", "C")
    told = "c/d/x changed, c/file changed, c/kind changed, c/link changed"
    assert changes(before, now) == told
    (top / "d").chmod(0o700)
    (top / "empty").chmod(0o700)
    assert changes(now, fingerprints(root, "c", "C")) == "c/empty changed, + c/d"
    (top / "empty").rmdir()
    fill(top, "new")
    last = fingerprints(root, "c", "C")
    assert changes(now, last) == "+ c/d, + c/new, - c/empty"


def test_which_ignore_file_counts(root: Path, top: Path) -> None:
    fill(top, "a", "b", "d")
    (top / ".dockerignore").write_text("a\n.*\n")
    assert seen(root) == {"c/b", "c/d"}
    (top / ".containerignore").write_text("b\n.*\n")
    assert seen(root) == {"c/a", "c/d"}
    (top / "C.dockerignore").write_text("d\n.*\n")
    assert seen(root) == {"c/a", "c/b", "c/C.dockerignore"}
    assert seen(root, name=None) == {"c/a", "c/d", "c/C.dockerignore"}
    assert seen(root, name="other") == {"c/a", "c/d", "c/C.dockerignore"}


def test_ignored_folders_and_what_comes_back(root: Path, top: Path, tmp_path: Path) -> None:
    fill(top, "a/b/keep", "a/b/drop", "a/drop", "e/drop", "keep")
    (top / "a").chmod(0o750)
    (top / "a/empty").mkdir()
    (top / ".dockerignore").write_text("*\n!keep\n!a/b/keep\n")
    files = fingerprints(root, "c", "C")
    assert list(files) == ["c/a", "c/a/b/keep", "c/keep"]
    (tmp_path / "t").mkdir()
    stage(root, "c", files, tmp_path / "t")
    assert set(described(tmp_path / "t")) == {".", "a", "a/b", "a/b/keep", "keep"}
    assert stat.S_IMODE((tmp_path / "t/a").stat().st_mode) == 0o750
    (top / ".dockerignore").write_text("*\n")
    assert seen(root) == set()


def test_ignored_things_are_not_looked_at(root: Path, top: Path) -> None:
    os.mkfifo(top / "pipe")
    (Path(os.fsdecode(os.fsencode(top) + b"/\xff"))).write_text("x")
    (top / ".dockerignore").write_bytes(b"pipe\n.dock*\n\xff\n")
    assert seen(root) == set()


@pytest.fixture(params=["pipe", "socket", "device"])
def special(request: pytest.FixtureRequest, top: Path) -> Iterator[str]:
    path = top / "special"
    if request.param == "pipe":
        os.mkfifo(path)
        yield "special"
    elif request.param == "socket":
        with socket.socket(socket.AF_UNIX) as listening, tempfile.TemporaryDirectory() as short:
            listening.bind(f"{short}/s")
            Path(short, "s").rename(path)
            yield "special"
    else:
        if os.geteuid():
            pytest.skip("only root makes devices")
        os.mknod(path, stat.S_IFCHR | 0o600, os.makedev(1, 3))
        yield "special"


def test_what_is_neither_file_nor_folder_nor_link(root: Path, special: str) -> None:
    with pytest.raises(InputError, match=f"c/{special} is a device, a pipe or a socket"):
        fingerprints(root, "c", "C")


def test_a_name_that_is_not_utf8(root: Path, top: Path) -> None:
    Path(os.fsdecode(os.fsencode(top) + b"/a\xff")).write_text("x")
    with pytest.raises(InputError, match=r"not UTF-8: c/a\\xff"):
        fingerprints(root, "c", "C")


def test_folders_as_deep_as_they_get(root: Path, top: Path) -> None:
    levels = (4000 - len(str(top))) // 2
    subprocess.run(["mkdir", "-p", "/".join("d" * levels)], cwd=top, check=True)
    try:
        assert seen(root) == {"c/" + "/".join("d" * levels)}
        deeper = f"cd {'/'.join('d' * levels)} && mkdir {'e' * 200}"
        subprocess.run(["sh", "-c", deeper], cwd=top, check=True)
        with pytest.raises(OutsideError, match="File name too long"):
            fingerprints(root, "c", "C")
    finally:
        # Python's own way to remove a tree is not up to this one.
        subprocess.run(["rm", "-r", "d"], cwd=top, check=True)


def test_a_context_has_bounds(root: Path, top: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(context, "MAX_FILES", 3)
    fill(top, "a", "b", "d")
    assert len(seen(root)) == 3
    fill(top, "e")
    with pytest.raises(InputError, match="more than 3 files") as caught:
        fingerprints(root, "c", "C")
    assert ".dockerignore" in str(caught.value.hint)


def test_a_context_does_not_leave_the_project(root: Path, top: Path, tmp_path: Path) -> None:
    fill(tmp_path / "elsewhere", "x", ".dockerignore")
    (root / "link").symlink_to("../elsewhere")
    for folder in ("link", "../elsewhere", str(tmp_path / "elsewhere")):
        with pytest.raises(InputError, match="is not in the project"):
            fingerprints(root, folder, "C")
        with pytest.raises(InputError, match="is not in the project"):
            stage(root, folder, {}, tmp_path)
    (root / "inner").symlink_to("c")
    fill(top, "a")
    assert seen(root, "inner") == {"inner/a"}
    (top / ".dockerignore").symlink_to("../../elsewhere/.dockerignore")
    with pytest.raises(InputError, match=r"c/\.dockerignore leads out of the project"):
        fingerprints(root, "c", "C")


def test_an_ignore_file_that_is_wrong(root: Path, top: Path) -> None:
    (top / ".dockerignore").write_text("a\n[b\n")
    with pytest.raises(InputError, match=r"c/\.dockerignore:2: the pattern '\[b': "):
        fingerprints(root, "c", "C")
    (top / ".dockerignore").write_text("#" * ((1 << 20) + 1))
    with pytest.raises(InputError, match="has more than 1048576 bytes"):
        fingerprints(root, "c", "C")


def test_what_cannot_be_read_is_named() -> None:
    # In a folder that everybody may look into, for a moment as nobody.
    with tempfile.TemporaryDirectory() as made:
        root = Path(made)
        root.chmod(0o755)
        fill(root, "c/secret", "d/secret/x")
        (root / "c/secret").chmod(0)
        (root / "d/secret").chmod(0)
        user = os.geteuid()
        try:
            if user == 0:
                os.seteuid(65534)
            with pytest.raises(OutsideError, match=r"reading .*/c/secret: Permission denied"):
                fingerprints(root, "c", None)
            with pytest.raises(OutsideError, match=r"reading the folder .*/d/secret: Perm"):
                fingerprints(root, "d", None)
        finally:
            os.seteuid(user)
            (root / "d/secret").chmod(0o755)


@pytest.mark.parametrize("change", ["content", "mode", "gone", "link", "folder", "pipe", "parent"])
def test_what_changes_while_building_is_refused(
    root: Path, top: Path, tmp_path: Path, change: str
) -> None:
    fill(top, "d/x")
    files = fingerprints(root, "c", "C")
    path = top / "d/x"
    fill(tmp_path, "elsewhere/x")
    match change:
        case "content":
            path.write_text("d/y")
        case "mode":
            path.chmod(0o600)
        case "parent":
            path.unlink()
            path.parent.rmdir()
            path.parent.symlink_to(tmp_path / "elsewhere")
        case _:
            path.unlink()
    match change:
        case "link":
            path.symlink_to(tmp_path / "elsewhere/x")
        case "folder":
            path.mkdir()
        case "pipe":
            os.mkfifo(path)
    (tmp_path / "t").mkdir()
    with pytest.raises(InputError, match=r"c/d/x (has changed since|is a device)"):
        stage(root, "c", files, tmp_path / "t")


def test_a_new_file_is_not_copied(root: Path, top: Path, tmp_path: Path) -> None:
    fill(top, "a")
    files = fingerprints(root, "c", "C")
    fill(top, "b")
    (tmp_path / "t").mkdir()
    stage(root, "c", files, tmp_path / "t")
    assert set(described(tmp_path / "t")) == {".", "a"}
