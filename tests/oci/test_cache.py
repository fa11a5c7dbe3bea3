from __future__ import annotations

import pytest

from stackyard.oci.store import Store


def test_a_file_is_there_only_when_the_block_ended_well(store: Store) -> None:
    cache = store.cache("segments")
    assert cache.get("k") is None
    with cache.create("k") as file:
        file.write(b"hello world")
        file.seek(6)
        assert file.read() == b"world"
        assert cache.get("k") is None
    path = cache.get("k")
    assert path is not None
    assert path.read_bytes() == b"hello world"


def test_nothing_is_left_of_a_failure(store: Store) -> None:
    cache = store.cache("segments")
    with pytest.raises(TypeError), cache.create("k") as file:
        file.write("text")  # type: ignore[arg-type]
    assert cache.get("k") is None
    assert list((store.root / "tmp").glob("*/*")) == []


def test_a_failure_leaves_what_was_there(store: Store) -> None:
    cache = store.cache("segments")
    with cache.create("k") as file:
        file.write(b"old")
    with pytest.raises(FileNotFoundError), cache.create("k") as file:
        file.write((store.root / "none of the cache's business").read_bytes())
    path = cache.get("k")
    assert path is not None
    assert path.read_bytes() == b"old"
