"""Writing and reading stackyard.lock."""

from __future__ import annotations

import dataclasses
import json
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stackyard.errors import InputError, OutsideError
from stackyard.inventory.facts import BaseDist, PythonFacts, Scheme
from stackyard.lock.codec import dump, parse
from stackyard.lock.file import read_lock, write_lock
from stackyard.lock.model import Lock, LockedBase, LockedPackage, Need, Resolution, Wheel

WORDS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8)
NAMES = st.sampled_from(["a", "b-c", "science", "zope-interface"])
HASHES = st.integers(0, 1 << 255).map("{:064x}".format)
WHEELS = st.builds(
    Wheel,
    st.builds("{}-1.0-py3-none-any.whl".format, st.sampled_from(["a", "B_c", "torch"])),
    HASHES,
    st.integers(0, 1 << 40),
)
NEEDS = st.builds(Need, NAMES, st.sampled_from([(), ("",), ("a",), ("a", "b")]))
PACKAGES = st.builds(
    LockedPackage,
    name=NAMES,
    version=WORDS,
    needs=st.lists(NEEDS, max_size=3).map(tuple),
    wheels=st.dictionaries(st.sampled_from(["linux/amd64", "linux/arm64"]), WHEELS),
    requires=st.lists(NAMES, max_size=3).map(tuple),
    requested=st.booleans(),
)
FACTS = st.builds(
    PythonFacts,
    st.sampled_from(["3.9", "3.11.2", "3.14.0rc1"]),
    WORDS,
    st.builds(Scheme, WORDS, st.just("l"), st.just("s"), st.just("d"), st.just("h")),
    st.none() | WORDS,
    st.lists(
        st.builds(BaseDist, NAMES, WORDS, st.lists(WORDS, max_size=2).map(tuple)), max_size=2
    ).map(tuple),
)
BASES = st.builds(
    LockedBase,
    WORDS,
    WORDS,
    FACTS,
    layers=st.integers(0, 9),
    debs=st.dictionaries(NAMES, WORDS, max_size=2),
    measured=st.booleans(),
)
RESOLUTIONS = st.builds(
    Resolution,
    variant=NAMES,
    base=NAMES,
    inputs=WORDS,
    bases=st.dictionaries(st.just("linux/amd64"), BASES),
    packages=st.lists(PACKAGES, max_size=3).map(tuple),
    forked=st.lists(NAMES, max_size=2).map(tuple),
    asked=st.just({"layers": {"a": {"pip": ["x"], "on": []}}, "python": None}),
)


@settings(max_examples=50, deadline=None)
@given(st.lists(RESOLUTIONS, max_size=2))
def test_round_trip(resolutions: list[Resolution]) -> None:
    lock = Lock({(r.variant, r.base): r for r in resolutions})
    assert parse(json.loads(dump(lock))) == lock


def small(count: int = 2) -> Lock:
    packages = tuple(
        LockedPackage(
            name=f"p{n:04}",
            version="1.0",
            needs=(Need("science"),),
            wheels={"linux/amd64": Wheel(f"p{n}-1.0-py3-none-any.whl", f"{n:064x}", n)},
        )
        for n in range(count)
    )
    scheme = Scheme("usr/lib", "usr/lib", "usr/bin", "usr", "usr/include")
    base = LockedBase(
        "debian bookworm", "", PythonFacts("3.11.2", "/usr/bin/python3.11", scheme, "2.36")
    )
    bases = {"linux/amd64": base}
    return Lock(
        {("v", "b"): Resolution("v", "b", "sha256:x", bases, packages, asked={"layers": {}})}
    )


def test_a_base_without_python() -> None:
    resolution = small(0).resolutions["v", "b"]
    bare = dataclasses.replace(resolution.bases["linux/amd64"], python=None)
    lock = Lock({("v", "b"): dataclasses.replace(resolution, bases={"linux/amd64": bare})})
    written = base(json.loads(dump(lock)))
    assert (written["python"], written["scheme"], written["dists"]) == (None, {}, [])
    assert parse(json.loads(dump(lock))) == lock


def test_one_update_changes_few_lines() -> None:
    before = small(50)
    resolution = before.resolutions["v", "b"]
    moved = list(resolution.packages)
    moved[7] = LockedPackage(
        "p0007", "2.0", (Need("science"),), {"linux/amd64": Wheel("p7-2.0.whl", "f" * 64, 1)}
    )
    after = Lock({("v", "b"): dataclasses.replace(resolution, packages=tuple(moved))})
    old, new = dump(before).splitlines(), dump(after).splitlines()
    assert len(old) == len(new)
    assert sum(a != b for a, b in zip(old, new, strict=True)) == 2


def test_a_thousand_packages_are_read_in_milliseconds(tmp_path: Path) -> None:
    path = tmp_path / "stackyard.lock"
    write_lock(path, small(1000))
    times = []
    for _ in range(5):
        start = time.perf_counter()
        read_lock(path)
        times.append(time.perf_counter() - start)
    assert min(times) < 0.1


def test_an_equal_lock_is_left_alone_and_nothing_else_is_left(tmp_path: Path) -> None:
    path = tmp_path / "stackyard.lock"
    write_lock(path, small())
    before = path.stat()
    write_lock(path, small())
    assert (path.stat().st_ino, path.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    write_lock(path, small(3))
    assert read_lock(path) == small(3)
    assert [p.name for p in tmp_path.iterdir()] == ["stackyard.lock"]


def test_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(OutsideError, match="writing"):
        write_lock(tmp_path / "gone" / "stackyard.lock", small())
    with pytest.raises(OutsideError, match="reading"):
        read_lock(tmp_path)


def edited(change: Any) -> str:
    document = json.loads(dump(small()))
    change(document)
    return json.dumps(document)


def wheel(document: Any) -> dict[str, Any]:
    found: dict[str, Any] = document["resolutions"][0]["packages"][0]["wheels"]["linux/amd64"]
    return found


def base(document: Any) -> dict[str, Any]:
    found: dict[str, Any] = document["resolutions"][0]["bases"]["linux/amd64"]
    return found


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "3",
        "null",
        '{"version": 1}',
        '{"version": 1, "resolutions": 3}',
        "[" * 100_000,
        "\udcff",
        edited(lambda d: d["resolutions"][0].pop("packages")),
        edited(lambda d: wheel(d).update(filename="../../etc/x.whl")),
        edited(lambda d: wheel(d).update(filename="x.tar.gz")),
        edited(lambda d: wheel(d).update(sha256="../x")),
        edited(lambda d: wheel(d).update(size="1")),
        edited(lambda d: wheel(d).update(size=-1)),
        edited(lambda d: d["resolutions"][0].update(variant=3)),
        edited(lambda d: d["resolutions"][0]["packages"][0].update(needs=[[]])),
        edited(lambda d: d["resolutions"][0]["packages"][0].update(requires=[{}])),
        edited(lambda d: d["resolutions"][0].update(asked=[1])),
        edited(lambda d: base(d)["python"].update(version="3.11/../../../bin/sh")),
        edited(lambda d: base(d).update(python=None)),
        edited(lambda d: base(d).update(python=False)),
        edited(lambda d: base(d).pop("python")),
    ],
)
def test_damage(tmp_path: Path, text: str) -> None:
    path = tmp_path / "stackyard.lock"
    path.write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises(InputError, match="is damaged") as caught:
        read_lock(path)
    assert "version control" in (caught.value.hint or "")


def test_none_newer_and_conflicted(tmp_path: Path) -> None:
    path = tmp_path / "stackyard.lock"
    with pytest.raises(InputError, match="there is no lock file"):
        read_lock(path)
    path.write_text('{"version": 2, "resolutions": "who knows"}')
    with pytest.raises(InputError, match="has format 2"):
        read_lock(path)
    text = dump(small())
    half = len(text) // 2
    path.write_text(f"{text[:half]}\n<<<<<<< HEAD\nx\n=======\ny\n>>>>>>> other\n{text[half:]}")
    with pytest.raises(InputError, match="merge conflict") as caught:
        read_lock(path)
    assert "git checkout --ours stackyard.lock" in (caught.value.hint or "")
