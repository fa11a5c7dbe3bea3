"""What was published of an image before, in docker's registry on loopback."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

import registryserver
from repositories import REPOSITORY, START, Repository

from stackyard.oci.store import Store
from stackyard.publish.earlier import History, histories

pytestmark = pytest.mark.real


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Repository]:
    with registryserver.serve(tmp_path, delete=True) as host:
        made = Repository(host, Store.open(tmp_path / "store"))
        yield made
        made.client.close()


def found(place: Repository, *, indexes: bool = False, **present: str) -> dict[str, History]:
    digests = {variant: place.digest(tag) for variant, tag in present.items()}
    return histories(place.client, REPOSITORY, digests, indexes=indexes)


def test_newest_first_and_without_the_present_one(place: Repository) -> None:
    tags = [place.edition(f"old{n}") for n in range(3)]
    other = place.edition("other", variant="py313")
    now = place.edition("now")
    made = found(place, py311=now, py313=other)
    assert [edition.tag for edition in made["py311"].editions] == tags[::-1]
    assert made["py313"] == History((), ())
    newest = made["py311"].editions[0]
    assert newest.digest == place.digest(tags[2])
    assert newest.published == START + timedelta(days=3)


def test_an_edition_that_came_back_is_the_present_one(place: Repository) -> None:
    tags = [place.edition(f"e{n}") for n in range(3)]
    made = found(place, py311=tags[1])
    assert [edition.tag for edition in made["py311"].editions] == [tags[2], tags[0]]


def test_what_nothing_dates_is_told_apart(place: Repository) -> None:
    undated = place.edition("undated", dated=False)
    by_tag = place.edition("by-tag", "py311-2026-02-01", dated=False)
    made = found(place, py311=place.edition("now"))["py311"]
    assert [edition.tag for edition in made.editions] == [by_tag]
    assert made.undated == (undated,)


def test_of_several_platforms_only_indexes_count(place: Repository) -> None:
    single = place.edition("single")
    both = place.edition("both", platforms=("amd64", "arm64"))
    now = place.edition("now", platforms=("amd64", "arm64"))
    made = found(place, py311=now, indexes=True)["py311"]
    assert [edition.tag for edition in made.editions] == [both]
    made = found(place, py311=now)["py311"]
    assert [edition.tag for edition in made.editions] == [both, single]


def test_a_tag_that_only_looks_like_one_is_none(place: Repository) -> None:
    old = place.edition("old")
    descriptor, data = place.client.manifest(REPOSITORY, old)
    place.client.put_manifest(REPOSITORY, "py311-aaaaaaaaaaaa", data, descriptor.media_type)
    made = found(place, py311=place.edition("now"))["py311"]
    assert [edition.tag for edition in made.editions] == [old]
