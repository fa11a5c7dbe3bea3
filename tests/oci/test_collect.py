"""What goes from a store and what stays, record by record."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from stackyard.errors import OutsideError
from stackyard.oci.assemble import assemble_index
from stackyard.oci.collect import BLOBS, RECORDS, Keep, Since, find, remove
from stackyard.oci.leftovers import Item
from stackyard.oci.memos import memos
from stackyard.oci.store import Store
from stackyard.oci.walk import blobs

KEEP = Keep(kinds={"step"}, records={("step", "kept")}, documents={"sbom-1"})
NOW = 2_000_000_000.0
ALL = Since(made=NOW, used=NOW)
MakeImage = Callable[..., object]


def names(items: list[Item]) -> set[str]:
    return {item.name for item in items}


def digests(store: Store) -> set[str]:
    return {f"sha256:{path.name}" for path in (store.root / "blobs" / "sha256").iterdir()}


def test_an_empty_store(store: Store) -> None:
    assert find(store, KEEP, ALL) == []


def test_what_a_tag_names_stays_and_the_rest_goes(store: Store, make_image: MakeImage) -> None:
    kept, gone = make_image({"a": b"1"}, {"b": b"2"}), make_image({"a": b"1"}, {"b": b"3"})
    store.tag("x", assemble_index(store, [kept]))
    found = find(store, KEEP, ALL)
    expected = {b.digest for b in blobs(store, gone)} - {b.digest for b in blobs(store, kept)}
    assert {item.name for item in found if item.kind == BLOBS} == expected
    before = digests(store)
    remove(store, found)
    assert digests(store) == before - expected
    for blob in blobs(store, store.tags()["x"]):
        store.verify(blob.digest)
    assert find(store, KEEP, ALL) == []


def test_records_name_blobs_wherever_they_do(store: Store, make_image: MakeImage) -> None:
    image = make_image({"a": b"1"})
    other = store.put(b"other", "text/plain")
    value = {"a": [{image.digest: 1}, {"b": {"c": [other.digest]}}]}
    store.remember("step", "kept", value)
    assert find(store, KEEP, ALL) == []
    store.remember("step", "other", value)
    assert names(find(store, KEEP, ALL)) == {"step/other"}
    neither = find(store, Keep({"step"}, set()), ALL)
    # Records before the blobs that they name.
    assert [item.kind for item in neither] == [RECORDS] * 2 + [BLOBS] * 4


def test_what_is_young_stays(store: Store) -> None:
    old, young = store.put(b"old", "text/plain"), store.put(b"young", "text/plain")
    named = store.put(b"named by a young record", "text/plain")
    store.remember("step", "young", {"blob": named.digest})
    store.remember("step", "old", {})
    for path in (
        store.blob_path(old.digest),
        store.blob_path(named.digest),
        store.root / "memo" / "step" / "old.json",
    ):
        os.utime(path, (0, 0))
    since = Since(made=time.time() - 60, used=NOW)
    assert names(find(store, KEEP, since)) == {old.digest, "step/old"}
    assert young.digest in names(find(store, KEEP, ALL))


def test_what_is_told_of_a_blob_stays_with_it(store: Store) -> None:
    kept, gone = store.put(b"kept", "text/plain"), store.put(b"gone", "text/plain")
    store.remember("step", "kept", {"blob": kept.digest})
    for blob in (kept, gone):
        store.remember("unpacked", blob.digest, {"size": 1})
        store.remember("about-1", blob.digest[7:], {"of": blob.digest})
    store.remember("about-1", "nothing", {})
    told = {f"unpacked/{gone.digest}", f"about-1/{gone.digest[7:]}"}
    since = Since(made=NOW, used=0)
    assert names(find(store, KEEP, since)) == {gone.digest, *told}
    more = {f"about-1/{kept.digest[7:]}", "about-1/nothing"}
    assert names(find(store, KEEP, ALL)) == {gone.digest, *told, *more}


def test_documents_stay_as_long_as_caches(store: Store) -> None:
    document = store.put(b"{}", "application/json")
    store.remember("sbom-1", "a", {"digest": document.digest})
    assert find(store, KEEP, Since(made=NOW, used=0)) == []
    assert names(find(store, KEEP, ALL)) == {"sbom-1/a", document.digest}


def test_damage_hides_nothing_that_is_needed(store: Store) -> None:
    blob = store.put(b"{not json", "text/plain")
    deep = store.put(b'{"a":' * 100_000, "text/plain")
    store.remember("step", "kept", {"blobs": [blob.digest, deep.digest, f"sha256:{'0' * 64}"]})
    (store.root / "memo" / "step" / "broken.json").write_bytes(b"[" * 100_000)
    (store.root / "memo" / "step" / "list.json").write_bytes(b"[1]")
    assert names(find(store, KEEP, ALL)) == {"step/broken", "step/list"}
    assert {memo.key: memo.value for memo in memos(store)}["broken"] == {}


def test_an_escaped_digest_is_one(store: Store) -> None:
    layer = store.put(b"layer", "text/plain")
    escaped = layer.digest.replace(":", "\\u003a")
    document = store.put(f'{{"layers":["{escaped}"]}}'.encode(), "application/json")
    store.remember("step", "kept", {"manifest": document.digest})
    assert find(store, KEEP, ALL) == []


def test_what_is_no_blob_is_let_alone(store: Store) -> None:
    for name in ("notes.txt", "0" * 63, "G" * 64):
        (store.root / "blobs" / "sha256" / name).touch()
    assert find(store, KEEP, ALL) == []


def make_old(path: Path, data: bytes = b"123") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    os.utime(path, (0, 0))


def test_caches_by_their_last_use(store: Store) -> None:
    cache = store.root / "cache"
    since = Since(made=0, used=time.time() - 60)
    for name in ("old", "old.json", "half", "half.json", "read", "lone.json"):
        make_old(cache / "segments" / name)
    os.utime(cache / "segments" / "half.json")
    os.utime(cache / "segments" / "read", (time.time(), 0))
    make_old(cache / "wheels" / "aa" / "a.whl")
    make_old(cache / "wheels" / "bb" / "b.whl")
    (cache / "wheels" / "bb" / "new").touch()
    make_old(cache / "interpreters" / "x.lock")
    make_old(cache / "buildah" / "anything")
    make_old(cache / "buildah.gone-1" / "anything")
    found = find(store, KEEP, since, apart={"buildah"})
    assert {(i.kind, i.name, i.size) for i in found} == {
        ("segments", "old", 6),
        ("segments", "lone", 3),
        ("wheels", "aa", 3),
    }
    # What tells of a file goes before it.
    assert [p.name for i in found if i.name == "old" for p in i.paths] == ["old.json", "old"]
    remove(store, found)
    assert sorted(p.name for p in (cache / "wheels").iterdir()) == ["bb"]
    assert find(store, KEEP, since, apart={"buildah"}) == []


def test_links_are_not_followed(store: Store, tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    make_old(precious / "file")
    folder = store.root / "cache" / "wheels"
    folder.mkdir(parents=True)
    (folder / "link").symlink_to(precious)
    os.utime(folder / "link", (0, 0), follow_symlinks=False)
    remove(store, find(store, KEEP, ALL))
    assert not (folder / "link").is_symlink()
    assert (precious / "file").exists()


def test_what_cannot_be_removed_is_told(store: Store) -> None:
    blob = store.put(b"x", "text/plain")
    found = find(store, KEEP, ALL)
    store.blob_path(blob.digest).unlink()
    remove(store, found)  # somebody else was faster
    stuck = Item(BLOBS, "x", 1, (store.root / "index.json" / "x",))
    with pytest.raises(OutsideError, match=r"removing .*/x: Not a directory"):
        remove(store, [stuck])


def test_others_wait_while_it_is_held(store: Store) -> None:
    with store.held():
        pass
    store.remember("m", "a", {})  # a place of our own is none of others
    with store.held():
        store.remember("m", "b", {})
