from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from stackyard.pack.clashes import find_clashes
from stackyard.pack.segment import read_index

PATHS = st.sampled_from(["a", "a/b", "a/b/c", "b", "b/c", "c"])
PACKAGES = st.dictionaries(
    st.sampled_from(["one", "two", "three"]), st.dictionaries(PATHS, st.sampled_from("xyz"))
)


def test_equal_files_are_fine_and_others_are_named():
    packages = {
        "one": {"ns/__init__.py": "x", "ns/data": "1", "only/one": "1"},
        "two": {"ns/__init__.py": "x", "ns/data": "2"},
        "three": {"ns/__init__.py": "y", "ns/data": "1"},
    }
    assert find_clashes(packages) == [
        ("ns/__init__.py", "one", "three"),
        ("ns/data", "one", "two"),
    ]


def test_a_file_where_another_package_has_a_folder():
    assert find_clashes({"one": {"ns": "x"}, "two": {"ns/a/b": "y"}}) == [("ns", "one", "two")]


@given(PACKAGES)
def test_every_clash_is_found_and_is_one(packages):
    expected = set()
    for files in packages.values():
        for others in packages.values():
            for path, content in files.items():
                other_is_folder = any(p.startswith(f"{path}/") for p in others)
                if others.get(path, content) != content or other_is_folder:
                    expected.add(path)
    found = find_clashes(packages)
    assert {path for path, _, _ in found} == expected
    assert found == sorted(found)


def test_packed_wheels_clash_by_content(packer):
    one, two = (
        packer.wheel(name, "1.0", {"ns/__init__.py": b"", "ns/x": name.encode()})
        for name in ("one", "two")
    )
    clashes = find_clashes({"one": read_index(one), "two": read_index(two)})
    site = "usr/local/lib/python3.11/dist-packages"
    assert clashes == [(f"{site}/ns/x", "one", "two")]
