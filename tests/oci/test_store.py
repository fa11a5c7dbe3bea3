from __future__ import annotations

import json
import multiprocessing
import pickle
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path

import pytest

from stackyard.errors import InputError, OutsideError
from stackyard.oci.descriptor import MANIFEST, Descriptor
from stackyard.oci.digest import sha256
from stackyard.oci.store import MAX_DOCUMENT, Store

KIND = "application/octet-stream"
HELLO = sha256(b"hello")


def blobs_in(store: Store) -> list[str]:
    return sorted(path.name for path in (store.root / "blobs" / "sha256").iterdir())


def unfinished(store: Store) -> list[Path]:
    return list((store.root / "tmp").glob("*/*"))


def test_a_blob_comes_back_and_is_an_image_layout(store: Store) -> None:
    assert store.put(b"hello", KIND, {"a": "b"}) == Descriptor(KIND, HELLO, 5, {"a": "b"})
    assert store.has(HELLO)
    assert store.read(HELLO) == b"hello"
    with store.open_blob(HELLO) as file:
        assert file.read() == b"hello"
    assert json.loads((store.root / "oci-layout").read_text()) == {"imageLayoutVersion": "1.0.0"}
    assert json.loads((store.root / "index.json").read_text())["schemaVersion"] == 2


def test_a_writer_hashes_what_it_writes(store: Store) -> None:
    with store.writer() as writer:
        writer.write(b"hel")
        writer.write(bytearray(b"lo"))
        assert writer.commit(KIND, expect=HELLO, expect_size=5).digest == HELLO
    assert store.read(HELLO) == b"hello"
    assert unfinished(store) == []


def test_nothing_is_left_without_a_commit(store: Store) -> None:
    with store.writer() as writer:
        writer.write(b"x" * 3_000_000)
    assert blobs_in(store) == []
    assert unfinished(store) == []


@pytest.mark.parametrize(("digest", "size"), [(sha256(b"other"), None), (HELLO, 6)])
def test_a_blob_that_is_not_what_was_expected_is_refused(
    store: Store, digest: str, size: int | None
) -> None:
    with store.writer() as writer:
        writer.write(b"hello")
        with pytest.raises(OutsideError, match=r"digest|expected 6 bytes, found 5"):
            writer.commit(KIND, expect=digest, expect_size=size)
    assert blobs_in(store) == []
    assert unfinished(store) == []


def test_an_existing_blob_stays_as_it_is(store: Store) -> None:
    store.put(b"hello", KIND)
    before = store.blob_path(HELLO).stat()
    store.put(b"hello", KIND)
    with store.writer() as writer:
        writer.write(b"hello")
        writer.commit(KIND)
    after = store.blob_path(HELLO).stat()
    assert (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)
    assert unfinished(store) == []


def test_a_blob_cut_short_by_a_power_failure_is_written_again(store: Store) -> None:
    store.put(b"hello", KIND)
    store.blob_path(HELLO).write_bytes(b"")
    store.put(b"hello", KIND)
    assert store.read(HELLO) == b"hello"


def test_a_missing_blob_says_what_to_do(store: Store) -> None:
    assert not store.has(HELLO)
    with pytest.raises(OutsideError) as caught:
        store.read(HELLO)
    assert "lacks blob" in caught.value.message
    assert caught.value.hint is not None
    assert "build (or fetch)" in caught.value.hint


def test_a_damaged_blob_is_found(store: Store) -> None:
    store.put(b"hello", KIND)
    store.verify(HELLO)
    store.blob_path(HELLO).write_bytes(b"hallo")
    with pytest.raises(OutsideError, match="damaged") as caught:
        store.read(HELLO)
    assert str(store.blob_path(HELLO)) in str(caught.value.hint)
    with pytest.raises(OutsideError, match="damaged"):
        store.verify(HELLO)


def test_a_document_is_bounded(store: Store) -> None:
    digest = store.put(bytes(MAX_DOCUMENT + 1), KIND).digest
    with pytest.raises(OutsideError, match="longer than"):
        store.read(digest)
    store.verify(digest)


@pytest.mark.parametrize("digest", ["", "sha256:../../../etc/passwd", "sha512:00", "sha256:AB"])
def test_a_malformed_digest_names_no_path(store: Store, digest: str) -> None:
    with pytest.raises(InputError, match="not a sha256 digest"):
        store.blob_path(digest)


def test_tags_move_and_go(store: Store) -> None:
    one, two = (store.put(data, MANIFEST) for data in (b"{}", b"{ }"))
    store.tag("acme/b:1", one)
    store.tag("acme/a:1", two)
    store.tag("acme/b:1", two)
    assert store.tags() == {"acme/a:1": two, "acme/b:1": two}
    assert list(store.tags()) == ["acme/a:1", "acme/b:1"]
    store.untag("acme/a:1")
    store.untag("acme/none:1")
    assert Store.open(store.root).tags() == {"acme/b:1": two}


@pytest.mark.parametrize("text", ["", "[]", '{"manifests": [1]}', '{"manifests": {"a": 1}}', "{"])
def test_a_damaged_index_is_an_error(store: Store, text: str) -> None:
    (store.root / "index.json").write_text(text)
    with pytest.raises(OutsideError, match=r"index\.json"):
        store.tags()


def test_memos(store: Store) -> None:
    assert store.recall("layer", "sha256:ab") is None
    store.remember("layer", "sha256:ab", {"size": 1})
    store.remember("layer", "sha256:ab", {"size": 2})
    assert store.recall("layer", "sha256:ab") == {"size": 2}
    assert unfinished(store) == []


@pytest.mark.parametrize("text", ["", "[]", '{"a', "\0", "[" * 100_000])
def test_a_damaged_memo_is_forgotten(store: Store, text: str) -> None:
    store.remember("layer", "k", {})
    (store.root / "memo" / "layer" / "k.json").write_text(text)
    assert store.recall("layer", "k") is None


@pytest.mark.parametrize("key", ["", "../x", "a/b", ".hidden", "a\0b", "x" * 300])
def test_a_key_is_a_plain_name(store: Store, key: str) -> None:
    with pytest.raises(ValueError, match="not a key"):
        store.recall("layer", key)
    with pytest.raises(ValueError, match="not a key"):
        store.cache("wheels").get(key)


def test_scratch_is_on_the_stores_file_system_and_goes(store: Store) -> None:
    with store.scratch() as path:
        (path / "deep").mkdir()
        (path / "deep" / "file").write_text("x")
        assert path.stat().st_dev == store.root.stat().st_dev
    assert not path.exists()


def test_a_store_that_was_removed_and_opened_again_works(store: Store, tmp_path: Path) -> None:
    store.root.rename(tmp_path / "elsewhere")
    again = Store.open(store.root)
    assert again.read(again.put(b"hello", KIND).digest) == b"hello"


def test_a_place_that_cannot_be_a_store_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutsideError, match="opening the store"):
        Store.open(tmp_path / "file")


WRITE_AND_TAG = """
import sys
from pathlib import Path
from stackyard.oci.store import Store
store, worker = Store.open(Path(sys.argv[1])), int(sys.argv[2])
for number in range(10):
    store.put(b"the same for all %d" % number, "text/plain")
    store.tag(f"w{worker}:{number}", store.put(b"%d %d" % (worker, number), "text/plain"))
    Store.open(store.root)
"""


def test_processes_share_a_store(store: Store) -> None:
    workers = [
        subprocess.Popen([sys.executable, "-c", WRITE_AND_TAG, store.root, str(number)])
        for number in range(4)
    ]
    assert [worker.wait() for worker in workers] == [0] * 4
    assert len(store.tags()) == 40
    assert len(blobs_in(store)) == 50
    for digest in blobs_in(store):
        store.verify(f"sha256:{digest}")
    assert unfinished(store) == []


def _write(store: Store, number: int) -> Descriptor:
    return store.put(b"%d" % number, KIND)


def test_forked_workers_and_threads_share_a_store(store: Store) -> None:
    with (
        ProcessPoolExecutor(2, multiprocessing.get_context("fork")) as processes,
        ThreadPoolExecutor(4) as threads,
    ):
        made = [pool.map(_write, [store] * 50, range(50)) for pool in (processes, threads)]
        assert list(made[0]) == list(made[1])
    assert len(blobs_in(store)) == 50
    assert unfinished(store) == []


def test_descriptors_and_stores_travel_between_processes(store: Store) -> None:
    descriptor = store.put(b"hello", KIND)
    again, found = pickle.loads(pickle.dumps((store, descriptor)))  # noqa: S301 - our own
    assert found == descriptor
    assert again.read(found.digest) == b"hello"
