"""Locking from indexes that are elsewhere, guarded, incomplete, or broken."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest

from stackyard.errors import OutsideError
from stackyard.lock.codec import dump
from stackyard.lock.fetch import fetch
from stackyard.lock.model import Lock, Upgrade
from stackyard.lock.resolve import resolve
from stackyard.lock.settings import read_settings
from stackyard.lock.urls import Addresses

KEY = ("py311", "base")
SECRET = "//user:s3cr%21t@"


@pytest.fixture
def stack(shop: Any) -> Any:
    return shop.stack({"base": ("", []), "top": ("base", ["app"])}, {"img": ["top"]})


@pytest.fixture
def stocked(index: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("UV_HTTP_RETRIES", "0")
    monkeypatch.setenv("UV_HTTP_TIMEOUT", "1")
    index.add("app", "1.0", ["dep"])
    index.add("dep", "1.0")
    return index


def lock(shop: Any, stack: Any, previous: Lock | None = None, cache: Path | None = None) -> Lock:
    bases = shop.bases(stack, shop.base())
    return resolve(
        stack, bases, previous=previous, upgrade=Upgrade(), report=print, url_cache=cache
    )


def test_the_lock_is_the_same_behind_another_index(
    stocked: Any, shop: Any, stack: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = lock(shop, stack)
    assert "127.0.0.1" not in dump(first)
    address = stocked.write(tmp_path)
    stocked.answer = lambda path: (500, {})
    monkeypatch.setenv("UV_DEFAULT_INDEX", address)
    assert lock(shop, stack, first) == first
    assert lock(shop, stack) == first
    monkeypatch.delenv("UV_DEFAULT_INDEX")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "files"))
    assert lock(shop, stack) == first


def test_an_index_without_hashes(stocked: Any, shop: Any, stack: Any) -> None:
    first = lock(shop, stack)
    stocked.hashes = False
    stocked.requests.clear()
    assert lock(shop, stack, first) == first
    assert lock(shop, stack) == first


def test_an_index_that_contradicts_its_own_hashes(
    stocked: Any, shop: Any, stack: Any, tmp_path: Path
) -> None:
    """What the index says is locked, and the file that then comes is refused."""
    honest = stocked.html
    right = hashlib.sha256(stocked.pages["dep"]["dep-1.0-py3-none-any.whl"][0]).hexdigest()
    stocked.html = lambda page: honest(page).replace(right, "0" * 64)
    (dep,) = (p for p in lock(shop, stack).resolutions[KEY].packages if p.name == "dep")
    with pytest.raises(OutsideError, match=f"expected sha256 {'0' * 64}"):
        fetch([("dep", dep.wheels["linux/amd64"])], tmp_path)


def test_extra_indexes_are_searched_for_the_best_version(
    stocked: Any, make_index: Any, shop: Any, stack: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    extra = make_index()
    extra.add("dep", "0.5")
    extra.add("app", "1.5", ["dep", "inhouse"])
    extra.add("inhouse", "3.0")
    monkeypatch.setenv("PIP_EXTRA_INDEX_URL", extra.url)
    found = {f"{p.name} {p.version}" for p in lock(shop, stack).resolutions[KEY].packages}
    assert found == {"app 1.5", "dep 1.0", "inhouse 3.0"}


def test_credentials_work_and_are_nowhere(
    stocked: Any, shop: Any, stack: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stocked.auth = "Basic dXNlcjpzM2NyIXQ="
    monkeypatch.setenv("UV_DEFAULT_INDEX", stocked.url.replace("//", SECRET))
    made = lock(shop, stack, cache=tmp_path / "cache")
    assert "s3cr" not in dump(made)
    kept = "".join(p.read_text() for p in (tmp_path / "cache").iterdir())
    assert "s3cr" not in kept


def test_addresses_are_remembered(stocked: Any, shop: Any, stack: Any, tmp_path: Path) -> None:
    made = lock(shop, stack, cache=tmp_path)
    known = Addresses(read_settings(), tmp_path)
    for package in made.resolutions[KEY].packages:
        wheel = package.wheels["linux/amd64"]
        assert (known.get(wheel.sha256) or "").endswith(wheel.filename)


@pytest.mark.parametrize("status", [401, 403, 429, 500])
@pytest.mark.parametrize("part", ["/simple", "/files"])
def test_an_index_that_refuses_or_fails(
    stocked: Any, shop: Any, stack: Any, status: int, part: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    stocked.answer = lambda path: (status, {}) if path.startswith(part) else None
    monkeypatch.setenv("UV_DEFAULT_INDEX", stocked.url.replace("//", SECRET))
    with pytest.raises(OutsideError, match=str(status)) as caught:
        lock(shop, stack)
    assert "s3cr" not in str(caught.value)
    assert stocked.url in str(caught.value) or "/files/" in str(caught.value)


def test_an_index_that_does_not_answer_in_time(stocked: Any, shop: Any, stack: Any) -> None:
    stocked.delay = 1.3
    with pytest.raises(OutsideError, match="timed out"):
        lock(shop, stack)


def test_an_index_that_is_not_there(
    stocked: Any, shop: Any, stack: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UV_DEFAULT_INDEX", "http://user:s3cret@127.0.0.1:1/simple")
    with pytest.raises(OutsideError, match="resolving packages with uv failed") as caught:
        lock(shop, stack)
    assert "s3cret" not in str(caught.value)


def test_a_full_disk(stocked: Any, shop: Any, stack: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UV_CACHE_DIR", "/proc/no-room")
    with pytest.raises(OutsideError, match="resolving packages with uv failed"):
        lock(shop, stack)
