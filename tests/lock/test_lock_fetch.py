"""Fetching locked wheels over loopback, from good and bad indexes."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from stackyard.errors import OutsideError
from stackyard.lock.fetch import fetch
from stackyard.lock.model import Wheel
from stackyard.lock.settings import IndexSettings
from stackyard.lock.urls import Addresses

NAME = "pkg-1.0-py3-none-any.whl"


def wheel(index: Any, name: str = "pkg", version: str = "1.0") -> tuple[str, Wheel]:
    filename = f"{name}-{version}-py3-none-any.whl"
    data = index.pages[name][filename][0]
    return name, Wheel(filename, hashlib.sha256(data).hexdigest(), len(data))


@pytest.fixture
def stocked(index: Any) -> Any:
    index.add("pkg", "1.0")
    index.add("other", "2.0")
    return index


def held(directory: Path) -> list[str]:
    return sorted(p.name for p in directory.rglob("*") if p.is_file())


def test_files_come_whole_and_are_not_fetched_again(stocked: Any, tmp_path: Path) -> None:
    wanted = [wheel(stocked), wheel(stocked, "other", "2.0")]
    told: list[int] = []
    found = fetch(wanted, tmp_path, advance=told.append)
    assert {p.name for p in found.values()} == {NAME, "other-2.0-py3-none-any.whl"}
    assert sum(told) == sum(w.size for _, w in wanted)
    for digest, path in found.items():
        assert hashlib.sha256(path.read_bytes()).hexdigest() == digest
    stocked.requests.clear()
    assert fetch(wanted, tmp_path) == found
    assert stocked.requests == []


def test_a_damaged_file_is_fetched_again(stocked: Any, tmp_path: Path) -> None:
    wanted = [wheel(stocked)]
    (path,) = fetch(wanted, tmp_path).values()
    good = path.read_bytes()
    path.write_bytes(b"x" * len(good))
    fetch(wanted, tmp_path)
    assert path.read_bytes() == good


def test_a_wrong_hash_names_everything_and_leaves_nothing(stocked: Any, tmp_path: Path) -> None:
    name, good = wheel(stocked)
    with pytest.raises(OutsideError) as caught:
        fetch([(name, Wheel(good.filename, "0" * 64, good.size))], tmp_path)
    text = str(caught.value)
    assert NAME in text
    assert "0" * 64 in text
    assert good.sha256 in text
    assert stocked.url.removesuffix("/simple") in text
    assert held(tmp_path) == []


def test_a_file_that_never_ends_is_cut(stocked: Any, tmp_path: Path) -> None:
    name, good = wheel(stocked)
    with pytest.raises(OutsideError, match="not the file that was locked"):
        fetch([(name, Wheel(good.filename, good.sha256, 10))], tmp_path)
    assert held(tmp_path) == []


def test_passing_failures_are_tried_again(stocked: Any, tmp_path: Path) -> None:
    answers = iter([(429, {"Retry-After": "0"}), (503, {}), (429, {"Retry-After": "0"})])
    stocked.answer = lambda path: next(answers, None) if path.startswith("/files") else None
    assert len(fetch([wheel(stocked)], tmp_path)) == 1


def test_a_cut_connection_is_tried_again(stocked: Any, tmp_path: Path) -> None:
    cuts = iter([True, True])
    stocked.cut = lambda path: path.startswith("/files") and next(cuts, False)
    told: list[int] = []
    wanted = [wheel(stocked)]
    assert len(fetch(wanted, tmp_path, advance=told.append)) == 1
    assert sum(told) == wanted[0][1].size


@pytest.mark.parametrize("status", [429, 500])
def test_lasting_failures_end(stocked: Any, tmp_path: Path, status: int) -> None:
    stocked.answer = lambda path: (status, {"Retry-After": "0"})
    with pytest.raises(OutsideError, match=f"it answered {status}, 4 times in a row"):
        fetch([wheel(stocked)], tmp_path)


def test_refused_access_says_where_credentials_go(stocked: Any, tmp_path: Path) -> None:
    stocked.auth = "Basic x"
    with pytest.raises(OutsideError, match=r"answered 401, access is refused[\s\S]*netrc"):
        fetch([wheel(stocked)], tmp_path)


def test_credentials_reach_pages_and_files_but_no_message(stocked: Any, tmp_path: Path) -> None:
    stocked.auth = "Basic dXNlcjpzM2NyIXQ="
    address = stocked.url.replace("//", "//user:s3cr%21t@")
    settings = IndexSettings(default=address)
    assert len(fetch([wheel(stocked)], tmp_path, settings=settings)) == 1
    with pytest.raises(OutsideError) as caught:
        fetch([("pkg", Wheel("pkg-9-py3-none-any.whl", "0" * 64, 1))], tmp_path, settings=settings)
    assert "s3cr" not in str(caught.value)
    assert "user" not in str(caught.value).partition("hint")[0]


def test_netrc_is_used(stocked: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stocked.auth = "Basic dXNlcjpwYXNz"
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login user password pass\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    assert len(fetch([wheel(stocked)], tmp_path / "out")) == 1


def test_credentials_do_not_follow_a_redirect_to_another_host(
    stocked: Any, make_index: Any, tmp_path: Path
) -> None:
    other = make_index()
    other.add("pkg", "1.0")
    seen: list[str | None] = []
    plain = other.respond

    def respond(path: str, authorization: str | None) -> Any:
        seen.append(authorization)
        return plain(path, authorization)

    other.respond = respond
    elsewhere = other.url.replace("127.0.0.1", "localhost").removesuffix("/simple")
    stocked.answer = lambda path: (
        (302, {"Location": elsewhere + path}) if path.startswith("/files") else None
    )
    settings = IndexSettings(default=stocked.url.replace("//", "//user:pass@"))
    assert len(fetch([wheel(stocked)], tmp_path, settings=settings)) == 1
    assert seen == [None]


def test_a_file_that_no_index_has(stocked: Any, tmp_path: Path) -> None:
    with pytest.raises(OutsideError) as caught:
        fetch([("pkg", Wheel("pkg-9-py3-none-any.whl", "0" * 64, 1))], tmp_path)
    assert "none of the package indexes has pkg-9-py3-none-any.whl" in str(caught.value)
    assert stocked.url in str(caught.value)


def test_json_pages(stocked: Any, tmp_path: Path) -> None:
    _, good = wheel(stocked)
    page = {"files": [{"filename": NAME, "url": f"../../files/{NAME}", "hashes": {}}]}
    plain = stocked.respond
    kind = {"Content-Type": "application/vnd.pypi.simple.v1+json"}
    stocked.respond = lambda path, authorization: (
        (200, kind, json.dumps(page).encode())
        if path.startswith("/simple")
        else plain(path, authorization)
    )
    assert list(fetch([("pkg", good)], tmp_path)) == [good.sha256]


@pytest.mark.parametrize("body", [b"[]", b"{", b'{"files": [3]}', b'{"files": 3}'])
def test_nonsense_pages(stocked: Any, tmp_path: Path, body: bytes) -> None:
    kind = {"Content-Type": "application/vnd.pypi.simple.v1+json"}
    stocked.respond = lambda path, authorization: (200, kind, body)
    with pytest.raises(OutsideError, match="is not readable"):
        fetch([wheel(stocked)], tmp_path)


def test_the_extra_index_that_fails_does_not_matter(
    stocked: Any, make_index: Any, tmp_path: Path
) -> None:
    broken = make_index()
    broken.answer = lambda path: (403, {})
    settings = IndexSettings(default=stocked.url, extra=(broken.url,))
    assert len(fetch([wheel(stocked)], tmp_path, settings=settings)) == 1


def test_file_indexes_and_links(stocked: Any, tmp_path: Path) -> None:
    address = stocked.write(tmp_path / "mirror")
    found = IndexSettings(default=address)
    assert len(fetch([wheel(stocked)], tmp_path / "a", settings=found)) == 1
    links = IndexSettings(default=None, find_links=(str(tmp_path / "mirror" / "files"),))
    assert len(fetch([wheel(stocked)], tmp_path / "b", settings=links)) == 1


def test_a_remembered_address_saves_the_page_and_may_be_wrong(stocked: Any, tmp_path: Path) -> None:
    name, good = wheel(stocked)
    settings = IndexSettings(default=stocked.url)
    files = stocked.url.removesuffix("/simple") + "/files"
    cache = tmp_path / "cache"
    Addresses(settings, cache).add({good.sha256: f"{files}/{NAME}"})
    fetch([(name, good)], tmp_path / "a", url_cache=cache, settings=settings)
    assert stocked.requests == [f"/files/{NAME}"]
    Addresses(settings, cache).add({good.sha256: f"{files}/gone.whl"})
    assert fetch([(name, good)], tmp_path / "b", url_cache=cache, settings=settings)


def test_addresses_with_secrets_are_not_remembered(tmp_path: Path) -> None:
    kept = Addresses(IndexSettings(), tmp_path)
    kept.add({"a": "https://u:p@example.org/x.whl", "b": "https://example.org/x.whl?Signature=1"})
    (file,) = tmp_path.iterdir()
    assert file.read_text() == "{}"


def test_a_folder_that_cannot_be_made(stocked: Any, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutsideError, match="storing pkg"):
        fetch([wheel(stocked)], tmp_path / "file")
