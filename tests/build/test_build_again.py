"""What a build does, does again, and does not do again."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from pathlib import Path

from yard import STACK, Yard, blob


def rows(table: str, action: str = "build") -> dict[str, str]:
    """Of a plan's table: step and name of what is built, or reused, to the line."""
    found = {}
    for line in table.splitlines():
        words = line.split()
        if words[0] == action:
            found[f"{words[1]} {' '.join(words[2:]).partition(' default linux')[0]}"] = line
    return found


def test_the_second_time_does_nothing_and_says_so(built: Yard) -> None:
    before = {path: path.stat().st_mtime_ns for path in (built.store / "blobs").rglob("*")}
    again = built.run("build")
    assert "nothing to do: everything is in the store" in again.err
    shown = built.run("plan").out
    assert shown.endswith("nothing to do: all 10 steps are in the store\n")
    assert not rows(shown)
    assert len(rows(shown, "reuse")) == 10
    assert {p: p.stat().st_mtime_ns for p in (built.store / "blobs").rglob("*")} == before
    assert not list((built.store / "tmp").glob("*/*"))


def test_digests_depend_on_neither_store_nor_place_nor_jobs(built: Yard, tmp_path: Path) -> None:
    moved = tmp_path / "moved"
    shutil.copytree(built.root, moved)
    here = built.digests()
    assert len(here) == 3
    for jobs in ("1", "4"):
        store = tmp_path / f"store-{jobs}"
        built.run("build", "-f", moved / "stackyard.yaml", "--jobs", jobs, store=store)
        assert built.digests(store) == here


def test_a_diamond_has_each_path_once(built: Yard) -> None:
    paths = built.paths(built.digests()["both:default linux/amd64"])
    twice = [path for path, count in Counter(paths).items() if count > 1]
    assert twice == ["etc/passwd"]  # the base's, and with the account
    names = {path.rpartition("/")[2] for path in paths}
    assert {"app.py", "core.py", "lefty.py", "righty.py", "shared.py", "motd"} <= names


def test_bytecode_unless_told_otherwise(built: Yard) -> None:
    with_it = built.paths(built.digests()["top:default linux/amd64"])
    assert any(path.endswith(".pyc") for path in with_it)
    built.stack(STACK + "bytecode: false\n")
    built.run("build", "top")
    without = built.paths(built.digests()["top:default linux/amd64"])
    assert not any(path.endswith(".pyc") for path in without)


def test_history_and_config_are_in_the_words_of_the_stack(built: Yard) -> None:
    manifest = built.manifest(built.digests()["both:default linux/amd64"])
    config = json.loads(blob(built.store, manifest["config"]["digest"]))
    told = [entry["created_by"] for entry in config["history"]]
    assert "stackyard packages left+right: shared==1.0" in told
    assert "stackyard files top: files: /etc/motd" in told
    assert config["config"]["Cmd"] == ["app"]
    assert config["config"]["User"] == "1000:100"
    assert "LANG=C.UTF-8" in config["config"]["Env"]
    filled = [entry for entry in config["history"] if not entry.get("empty_layer")]
    assert len(filled) == len(config["rootfs"]["diff_ids"]) == len(manifest["layers"])


def test_a_changed_version_rebuilds_its_own_group_alone(yard: Yard) -> None:
    yard.run("lock")
    yard.run("build")
    yard.index.add("lefty", "2.0", ["core", "shared"])
    moved = yard.run("lock", "--upgrade", "lefty")
    assert moved.lines == ["default: lefty 1.0 → 2.0", "wrote stackyard.lock"]
    shown = rows(yard.run("plan").out)
    assert list(shown) == ["packages left", "image left:default", "image both:default"]
    assert shown["packages left"].endswith("lefty 1.0 → 2.0")
    assert "packages left changed" in shown["image both:default"]
    assert "packages top" in rows(yard.run("plan").out, "reuse")
    done = yard.run("build")
    assert "3 steps built" in done.err
    assert "nothing to do" in yard.run("build").err


def test_a_changed_file_is_named(yard: Yard) -> None:
    yard.run("lock")
    yard.run("build")
    yard.write("motd", "good morning\n")
    shown = rows(yard.run("plan", "top").out)
    assert list(shown) == ["files top: files", "image top:default"]
    assert shown["files top: files"].endswith("/etc/motd changed")
    yard.change("LANG: C.UTF-8", "LANG: de_DE.UTF-8")
    assert "env LANG C.UTF-8 → de_DE.UTF-8" in yard.run("plan", "top").out
    yard.run("build")
    (yard.root / "motd").unlink()
    assert "motd" in yard.fail("plan", code=2)


def test_a_lost_blob_is_made_again(built: Yard) -> None:
    whole = built.digests()
    lost = built.manifest(whole["both:default linux/amd64"])["layers"][-2]["digest"]
    (built.store / "blobs" / "sha256" / lost.removeprefix("sha256:")).unlink()
    assert "no longer whole in the store" in built.run("plan").out
    built.run("build")
    assert built.digests() == whole


def test_variants_are_built_each(yard: Yard) -> None:
    yard.stack(STACK + "variants:\n  one: {word: hello}\n  two: {word: bye}\n")
    yard.change("LANG: C.UTF-8", 'LANG: "{{ word }}"')
    yard.run("lock")
    done = yard.run("build", "left:*", "top:two")
    assert [line.split()[0] for line in done.lines[1:4]] == ["top:two", "left:one", "left:two"]
    assert len(yard.digests()) == 3
    built = yard.digests()
    assert built["left:one linux/amd64"] != built["left:two linux/amd64"]
    # Nothing about the packages differs, so neither do their blobs.
    one, two = (yard.manifest(built[f"left:{v} linux/amd64"])["layers"] for v in ("one", "two"))
    assert one == two


def test_two_stacks_share_a_store_and_not_their_reasons(built: Yard, tmp_path: Path) -> None:
    other = tmp_path / "other"
    shutil.copytree(built.root, other)
    file = other / "stackyard.yaml"
    assert "nothing to do" in built.run("plan", "-f", file).out
    file.write_text(file.read_text().replace("cmd: [app]", "cmd: [other]"))
    assert "not built yet" in built.run("plan", "-f", file).out
