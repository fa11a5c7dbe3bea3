"""`stackyard prune` on a store: what is needed stays whole, whatever is asked for."""

from __future__ import annotations

import hashlib
import os
import pty
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from yard import COMMAND, Yard

from stackyard.build.project import open_project
from stackyard.build.selection import select
from stackyard.oci.image import read_image
from stackyard.oci.store import Store
from stackyard.oci.walk import blobs

ALL = ("--min-age", "0", "--cache-age", "0", "--yes")
LAYERS_OF_OWN = """\
registry: 127.0.0.1:1/hub
layers:
  base: {from: {rootfs: base.tar}}
  top: {on: base, pip: [app], files: [{from: motd, to: /etc/motd}]}
images:
  top: {layers: [top]}
"""


@pytest.fixture
def built(locked: Yard) -> Yard:
    """Built here: the store that others copy was built by a stack file that is still there."""
    locked.run("build")
    return locked


def files_of(yard: Yard) -> set[Path]:
    return {
        path.relative_to(yard.store)
        for path in yard.store.rglob("*")
        if path.is_file() and path.parts[-2] != "tmp" and path.name != "lock"
    }


def blob_files(yard: Yard) -> set[str]:
    return {path.name for path in (yard.store / "blobs" / "sha256").iterdir()}


def check_whole(yard: Yard) -> None:
    """Every tag's and every planned step's result is there to the byte; nothing is to do."""
    copy = yard.store.parent / "looked-at"  # what this process notes is not the store's
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(yard.store, copy)
    store = Store.open(copy)
    project = open_project(yard.root / "stackyard.yaml")
    plan = project.plan(select(project.stack), store)
    assert plan.decisions
    for decision in plan.decisions.values():
        made = decision.made
        assert made is not None, decision
        for layer in made.layers:
            store.verify(layer.descriptor.digest)
        if made.manifest:
            for part in blobs(store, made.manifest):
                store.verify(part.digest)
            read_image(store, made.manifest)
    for descriptor in store.tags().values():
        for part in blobs(store, descriptor):
            store.verify(part.digest)
    done = yard.run("build")
    assert "nothing to do" in done.err


def again(yard: Yard, version: str) -> None:
    """Build the images with another version of a package that all have."""
    yard.index.add("core", version)
    yard.run("lock", "--upgrade", "core")
    yard.run("build")


def test_of_what_was_built_just_now_nothing_goes(built: Yard) -> None:
    before = files_of(built)
    assert "nothing to remove" in built.run("prune", "--yes").out
    assert files_of(built) == before


def test_old_builds_go_and_the_present_stays(built: Yard) -> None:
    first = blob_files(built)
    digests = built.digests()
    again(built, "1.1")
    both = blob_files(built)
    done = built.run("prune", "--json", *ALL)
    told = {entry["kind"]: entry for entry in done.json["kinds"]}
    assert done.json["removed"] is True
    gone = both - blob_files(built)
    assert gone
    assert gone < first
    assert told["blobs"]["count"] == len(gone)
    names = {i["name"] for i in done.json["items"] if i["kind"] == "blobs"}
    assert names == {f"sha256:{name}" for name in gone}
    assert {d.removeprefix("sha256:") for d in digests.values()} <= gone
    assert built.run("prune", "--json", *ALL).json["items"] == []
    check_whole(built)
    assert list((built.store / "cache" / "wheels").iterdir()) == []


def test_the_last_builds_can_stay(built: Yard) -> None:
    again(built, "1.1")
    again(built, "1.2")
    sizes = {}
    for count in (3, 2, 1):
        built.run("prune", "--keep", str(count), *ALL)
        sizes[count] = len(blob_files(built))
        check_whole(built)
    assert sizes[3] > sizes[2] > sizes[1]


def test_a_build_that_was_kept_is_there_again(built: Yard) -> None:
    lock = built.lock
    again(built, "1.1")
    built.run("prune", "--keep", "2", *ALL)
    built.write("stackyard.lock", lock)
    check_whole(built)


def test_a_lock_that_is_not_built_yet_keeps_the_last_build(built: Yard) -> None:
    before = blob_files(built)
    built.index.add("core", "1.1")
    built.run("lock", "--upgrade", "core")
    built.run("prune", *ALL)
    assert blob_files(built) == before
    out = built.run("plan").out
    assert "core 1.0 → 1.1" in out
    built.run("build")
    check_whole(built)


def test_a_base_that_is_only_locked_stays(yard: Yard) -> None:
    yard.run("lock")
    before = blob_files(yard)
    yard.run("prune", *ALL)
    assert blob_files(yard) == before
    (yard.root / "base.tar").rename(yard.root / "elsewhere.tar")
    (yard.root / "elsewhere.tar").rename(yard.root / "base.tar")
    yard.run("build")
    check_whole(yard)


def test_what_tags_name_stays(built: Yard) -> None:
    store = Store.open(built.store)
    old = built.digests()
    project = open_project(built.root / "stackyard.yaml")
    for target, key in project.plan(select(project.stack), store).images.items():
        made = project.plan([target], store).decisions[key].made
        assert made
        assert made.manifest
        store_tag(built, str(target), made.manifest.digest, made.manifest.size)
    again(built, "1.1")
    built.run("prune", *ALL)
    check_whole(built)
    assert {d.removeprefix("sha256:") for d in old.values()} <= blob_files(built)


def store_tag(yard: Yard, name: str, digest: str, size: int) -> None:
    """In a process of its own: this one would hold the store."""
    script = (
        "import sys; from pathlib import Path; from stackyard.oci.store import Store;"
        "from stackyard.oci.descriptor import MANIFEST, Descriptor;"
        "Store.open(Path(sys.argv[1])).tag(sys.argv[2],"
        " Descriptor(MANIFEST, sys.argv[3], int(sys.argv[4])))"
    )
    words = [sys.executable, "-c", script, yard.store, name, digest, str(size)]
    subprocess.run(words, check=True)


def test_another_stack_file_in_the_same_store(built: Yard) -> None:
    other = Yard(built.root.parent / "other", built.index)
    other.store = built.store
    other.write("motd", "other\n")
    other.stack(LAYERS_OF_OWN)
    other.run("lock")
    other.run("build")
    built.run("prune", *ALL)
    check_whole(other)
    check_whole(built)
    before = blob_files(built)
    shutil.rmtree(other.root)
    built.run("prune", *ALL)
    assert blob_files(built) < before
    check_whole(built)


def test_without_a_stack_file_the_last_builds_stay(built: Yard, tmp_path: Path) -> None:
    elsewhere = Yard(tmp_path / "elsewhere", built.index)
    elsewhere.store = built.store
    (elsewhere.root / "stackyard.yaml").unlink()
    elsewhere.run("prune", *ALL)
    check_whole(built)
    again(built, "1.1")
    elsewhere.run("prune", *ALL)
    check_whole(built)


def test_an_image_that_is_in_the_stack_file_no_more(built: Yard) -> None:
    before = blob_files(built)
    built.change("  left: {layers: [left]}\n", "")
    built.run("lock")
    built.run("build")
    built.run("prune", *ALL)
    assert before - blob_files(built)
    check_whole(built)


def test_caches_go_by_when_they_were_used(built: Yard) -> None:
    wheels, segments = built.store / "cache" / "wheels", built.store / "cache" / "segments"
    old = next(iter(sorted(wheels.iterdir())))
    for path in old.iterdir():
        os.utime(path, (time.time() - 40 * 86400,) * 2)
    count = len(list(segments.iterdir()))
    done = built.run("prune", "--json", "--yes")
    assert [(e["kind"], e["count"]) for e in done.json["kinds"]] == [("wheels", 1)]
    assert not old.exists()
    assert len(list(segments.iterdir())) == count
    # A packed wheel whose index alone is old is one that is used.
    index = next(segments.glob("*.json"))
    os.utime(index, (0, 0))
    assert "nothing to remove" in built.run("prune", "--yes").out
    assert index.exists()


def test_logs_go_too(built: Yard) -> None:
    folder = built.store / "logs"
    folder.mkdir()
    for name, days in (("old.log", 31), ("new.log", 1)):
        (folder / name).write_text("x")
        os.utime(folder / name, (time.time() - days * 86400,) * 2)
    built.run("prune", "--yes")
    assert [path.name for path in folder.iterdir()] == ["new.log"]


def test_a_result_of_which_a_part_is_gone(built: Yard) -> None:
    digest = built.digests()["both:default linux/amd64"]
    layer = built.manifest(digest)["layers"][-1]["digest"].removeprefix("sha256:")
    (built.store / "blobs" / "sha256" / layer).unlink()
    built.run("prune", *ALL)
    for path in (built.store / "memo" / "step").iterdir():
        assert layer not in path.read_text()
    built.run("build")
    check_whole(built)


def test_only_looking(built: Yard) -> None:
    again(built, "1.1")
    before = files_of(built)
    done = built.run("prune", "--dry-run", *ALL[:4])
    assert done.lines[0].split() == ["kind", "count", "bytes"]
    assert files_of(built) == before
    dry = built.run("prune", "--dry-run", "--json", *ALL[:4]).json
    assert dry["removed"] is False
    really = built.run("prune", "--json", *ALL).json
    assert dry["items"] == really["items"]
    after = files_of(built)
    assert sum(i["bytes"] for i in dry["items"]) > 0
    blobs_gone = {str(p) for p in before - after if p.parts[0] == "blobs"}
    assert len(blobs_gone) == next(k["count"] for k in dry["kinds"] if k["kind"] == "blobs")


def test_nobody_can_be_asked(built: Yard) -> None:
    again(built, "1.1")
    before = files_of(built)
    assert "nobody can be asked on a pipe" in built.fail("prune", *ALL[:4], code=2)
    assert "with --json nobody is asked" in built.fail("prune", "--json", *ALL[:4], code=2)
    assert files_of(built) == before


@pytest.mark.parametrize("answer", ["y", "n"])
def test_asked_on_a_terminal(built: Yard, answer: str) -> None:
    again(built, "1.1")
    before = files_of(built)
    ours, theirs = pty.openpty()
    with built.start("prune", *ALL[:4], stdin=theirs) as process:
        os.close(theirs)
        os.write(ours, f"{answer}\n".encode())
        out, err = process.communicate(timeout=60)
    os.close(ours)
    assert process.returncode == 0, err
    assert "kind" in out
    assert "Remove all this? [y/N]" in err
    assert (files_of(built) == before) is (answer == "n")
    assert ("nothing was removed" in err) is (answer == "n")
    check_whole(built)


def test_not_while_another_process_uses_the_store(built: Yard) -> None:
    again(built, "1.1")
    script = (
        "import sys, time; from pathlib import Path; from stackyard.oci.store import Store;"
        "Store.open(Path(sys.argv[1])).remember('m', 'a', {}); print('up', flush=True);"
        "time.sleep(60)"
    )
    command = [sys.executable, "-c", script, built.store]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout
        assert other.stdout.readline() == "up\n"
        before = files_of(built)
        text = built.fail("prune", *ALL, code=3)
        assert "another process uses the store" in text
        assert "hint: wait" in text
        assert files_of(built) == before
        built.run("prune", "--dry-run", *ALL[:4])
        other.kill()
    built.run("prune", *ALL)
    check_whole(built)


def test_a_build_that_starts_meanwhile_waits(built: Yard) -> None:
    again(built, "1.1")
    with built.start("prune", *ALL) as process, built.start("build") as build:
        _, err = build.communicate(timeout=60)
        process.communicate(timeout=60)
    # Either had the store first: the build was done, or prune says that it is used.
    assert build.returncode == 0, err
    assert process.returncode in (0, 3)
    check_whole(built)


@pytest.mark.parametrize("seed", range(2))
def test_kill_9_at_any_moment(built: Yard, seed: int) -> None:
    """Slowed down, so that a kill hits between any two removals."""
    again(built, "1.1")
    script = (
        "import sys, time; from stackyard.oci import collect; from stackyard.cli.main import main;"
        "one = collect._remove\n"
        "def slow(path, place):\n"
        "    one(path, place); print('.', flush=True); time.sleep(0.005)\n"
        "collect._remove = slow; sys.argv = ['stackyard', *sys.argv[1:]]; main()"
    )
    moment = random.Random(seed)  # noqa: S311 - a moment, not a secret
    killed = 0
    for _ in range(3):
        process = subprocess.Popen(
            [sys.executable, "-c", script, "prune", *ALL],
            cwd=built.root,
            env={**os.environ, "STACKYARD_STORE": str(built.store)},
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert process.stdout
        for _ in range(moment.randrange(6, 40)):
            if not process.stdout.readline():
                break
        killed += process.poll() is None
        process.send_signal(signal.SIGKILL)
        process.communicate()
        check_whole(built)
        for path in (built.store / "blobs" / "sha256").iterdir():
            assert hashlib.sha256(path.read_bytes()).hexdigest() == path.name
    assert killed
    built.run("prune", *ALL)
    check_whole(built)
    built.run("plan")
    assert list((built.store / "tmp").iterdir()) == []


@pytest.mark.parametrize("seed", range(2))
def test_whatever_happened_what_is_needed_stays(built: Yard, seed: int) -> None:
    """A property: after any history and any prune the present build is whole."""
    chance = random.Random(seed)  # noqa: S311 - not a secret
    locks = [built.lock]
    for number in range(4):
        what = chance.choice(["upgrade", "back", "file", "drop a blob"])
        if what == "upgrade":
            built.index.add("shared", f"1.{number + 1}")
            built.run("lock", "--upgrade", "shared")
            locks.append(built.lock)
        elif what == "back":
            built.write("stackyard.lock", chance.choice(locks))
        elif what == "file":
            built.write("motd", f"{number}\n")
        else:
            chance.choice(sorted((built.store / "blobs" / "sha256").iterdir())).unlink()
        built.run("build")
        ages = chance.choice([ALL, ("--min-age", "0", "--yes"), ("--yes",)])
        built.run("prune", "--keep", str(chance.randrange(3)), *ages)
        check_whole(built)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--min-age", "soon"), "'soon' is not an age"),
        (("--min-age", "3"), "'3' is not an age"),
        (("--keep", "-1"), "-1 is not in the range"),
        (("--keep-used", "stackyard.yaml"), "--keep-used needs --registry"),
        (("--insecure",), "--insecure needs --registry"),
        (("--registry", "--min-age", "0"), "--min-age is for the store, and --registry is given"),
        (("--registry", "--engine-storage"), "--engine-storage is for the store"),
    ],
)
def test_wrong_words(built: Yard, words: tuple[str, ...], told: str) -> None:
    assert told in built.fail("prune", *words, code=2)


def test_a_stack_file_that_is_not_there(built: Yard) -> None:
    before = files_of(built)
    assert "other.yaml" in built.fail("prune", "-f", "other.yaml", *ALL, code=2)
    (built.root / "stackyard.lock").unlink()
    assert "no lock yet" in built.fail("prune", *ALL, code=2)
    assert files_of(built) == before


def test_help_names_it() -> None:
    done = subprocess.run([*COMMAND, "--help"], capture_output=True, text=True, check=True)
    assert "Remove old blobs, caches, images and tags." in done.stdout
