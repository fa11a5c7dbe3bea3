"""Packages of images made by hand: what is found, since which layer, how large."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Callable
from functools import partial

import handmade
import pytest
from handmade import SITE, dist, image_of, link, status

from stackyard.errors import InputError
from stackyard.inventory import contents as contents_module
from stackyard.inventory import listing
from stackyard.inventory.contents import Package, contents
from stackyard.oci.image import StoredImage
from stackyard.oci.store import Store

MakeImage = Callable[..., StoredImage]


@pytest.fixture
def stored(store: Store) -> MakeImage:
    return partial(image_of, store)


def told(packages: tuple[Package, ...]) -> list[tuple[str, str, int]]:
    return [(package.name, package.version, package.layer) for package in packages]


def test_a_deb_is_in_the_first_layer_whose_status_has_its_version(store, stored) -> None:
    name = "var/lib/dpkg/status"
    image = stored(
        {name: status("git=1", "less=5")},
        {"etc/x": "nothing of dpkg's"},
        {name: status("git=2", "less=5", "curl=7")},
        {name: status("git=2", "less=5", "curl=7")},
    )
    assert told(contents(store, image)) == [("curl", "7", 2), ("git", "2", 2), ("less", "5", 0)]
    assert {p.kind for p in contents(store, image)} == {"deb"}
    assert {p.architecture for p in contents(store, image)} == {"amd64"}


def test_what_upper_layers_remove_is_gone_and_what_comes_again_is_new(store, stored) -> None:
    name = "var/lib/dpkg/status"
    image = stored(
        {name: status("git=1", "less=5"), **dist("one", "1"), **dist("two", "1")},
        {
            name: status("less=5"),
            f"{SITE}/.wh.one-1.dist-info": "",
            f"{SITE}/.wh.two-1.dist-info": "",
        },
        {name: status("git=1", "less=5"), **dist("two", "1")},
    )
    assert told(contents(store, image)) == [("git", "1", 2), ("less", "5", 0), ("two", "1", 2)]


def test_only_what_dpkg_has_installed_counts(store, stored) -> None:
    removed = status("gone=1", state="deinstall ok config-files")
    image = stored({"var/lib/dpkg/status": f"{status('here=1')}\n{removed}"})
    assert told(contents(store, image)) == [("here", "1", 0)]


def test_an_image_whose_dpkg_is_deleted_has_no_debs(store, stored) -> None:
    image = stored({"var/lib/dpkg/status": status("git=1")}, {"var/lib/.wh.dpkg": ""})
    assert contents(store, image) == ()


def test_distroless_images(store, stored) -> None:
    image = stored(
        {
            "var/lib/dpkg/status.d/tzdata": status("tzdata=2024a"),
            "var/lib/dpkg/status.d/tzdata.md5sums": "0  usr/share/zoneinfo/UTC\n",
            "usr/share/zoneinfo/UTC": "x" * 300,
        },
        {"var/lib/dpkg/status.d/base": status("base=1")},
    )
    assert told(contents(store, image)) == [("base", "1", 1), ("tzdata", "2024a", 0)]
    assert [p.size for p in contents(store, image)] == [7 << 10, 300]


def test_sizes_of_debs_on_a_merged_usr_with_hard_links(store, stored) -> None:
    image = stored(
        {
            "usr/lib": None,
            "lib": link("usr/lib"),
            "usr/lib/a.so": "x" * 1000,
            "usr/lib/b.so": link("usr/lib/a.so", hard=True),
            "usr/bin/tool": "y" * 10,
            "var/lib/dpkg/status": status("liba=1", "libz:i386=2", "nolist=1"),
            "var/lib/dpkg/info/liba.list": "/.\n/lib\n/lib/a.so\n/lib/b.so\n/lib/gone.so\n",
            "var/lib/dpkg/info/libz:i386.list": "/usr\n/usr/bin\n/usr/bin/tool\n",
        }
    )
    assert {p.name: p.size for p in contents(store, image)} == {
        "liba": 1000,
        "libz": 10,
        "nolist": 7 << 10,
    }


def test_a_deb_of_two_architectures_is_listed_twice(store, stored) -> None:
    image = stored({"var/lib/dpkg/status": status("libc6=2", "libc6:i386=2")})
    assert [p.architecture for p in contents(store, image)] == ["amd64", "i386"]


def test_a_python_package_is_in_the_layer_that_brings_its_version(store, stored) -> None:
    image = stored(
        dist("NumPy", "1.0", numpy__core="x" * 50),
        dist("pandas", "2.0", pandas__io="y" * 20),
        {f"{SITE}/.wh.NumPy-1.0.dist-info": "", **dist("NumPy", "1.1", numpy__core="z" * 70)},
        # Such as a chown -R leaves: the same files once more.
        dist("pandas", "2.0", pandas__io="y" * 20),
    )
    assert told(contents(store, image)) == [("numpy", "1.1", 2), ("pandas", "2.0", 1)]
    assert [p.size for p in contents(store, image)] == [70, 20]
    assert {(p.kind, p.place) for p in contents(store, image)} == {("pypi", SITE)}


def test_environments_wherever_they_are(store, stored) -> None:
    places = [
        "opt/conda/lib/python3.12/site-packages",
        "usr/lib/python3/dist-packages",
        "site-packages",
    ]
    image = stored(*(dist("six", "1.0", place) for place in places))
    assert sorted((p.place, p.layer) for p in contents(store, image)) == sorted(
        (place, index) for index, place in enumerate(places)
    )


def test_what_is_vendored_or_elsewhere_is_no_package(store, stored) -> None:
    image = stored(dist("six", "1.0", f"{SITE}/setuptools/_vendor"), dist("six", "1.0", "srv/app"))
    assert contents(store, image) == ()


def test_files_outside_of_the_folder_and_records_with_quotes(store, stored) -> None:
    info = f"{SITE}/app-1.dist-info"
    image = stored(
        {
            "usr/local/bin/app": "b" * 5,
            "etc/app": "e" * 7,
            f"{SITE}/a,b.py": "c" * 11,
            f"{SITE}/./dot.py": "d" * 13,
            f"{info}/METADATA": "Name: app\nVersion: 1\n\n",
            f"{info}/RECORD": (
                '../../../bin/app,,\n/etc/app,,\n"a,b.py",sha256=x,11\n./dot.py,,\n'
                "../../../../../../../../../etc/passwd,,\nmissing.py,,\n\n"
            ),
        }
    )
    assert [p.size for p in contents(store, image)] == [5 + 7 + 11 + 13]


def test_egg_info_of_older_installers(store, stored) -> None:
    image = stored(
        {
            f"{SITE}/old.py": "x" * 9,
            f"{SITE}/old-1.0.egg-info/PKG-INFO": "Name: old\nVersion: 1.0\n",
            f"{SITE}/old-1.0.egg-info/installed-files.txt": "../old.py\nPKG-INFO\n",
            f"{SITE}/PyYAML-6.0.egg-info": "Name: PyYAML\nVersion: 6.0\n",
        }
    )
    assert [(p.name, p.version) for p in contents(store, image)] == [
        ("old", "1.0"),
        ("pyyaml", "6.0"),
    ]
    assert [p.size for p in contents(store, image)] == [9 + len("Name: old\nVersion: 1.0\n"), 0]


def test_a_record_that_is_a_hard_link_into_a_cache(store, stored) -> None:
    cached = "root/.cache/uv/archive-v0/abc/site-packages/six-1.dist-info/METADATA"
    image = stored(
        {cached: "Name: six\nVersion: 1\n"},
        {f"{SITE}/six-1.dist-info/METADATA": link(cached, hard=True)},
    )
    assert (SITE, 1) in {(p.place, p.layer) for p in contents(store, image)}


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ("License-Expression: MIT\nLicense: other\n", "MIT"),
        (
            "License: BSD-3-Clause\nClassifier: License :: OSI Approved :: MIT License\n",
            "BSD-3-Clause",
        ),
        (
            "License: UNKNOWN\nClassifier: License :: OSI Approved :: MIT License\n"
            "Classifier: Topic :: X\n",
            "MIT License",
        ),
        (f"License: {'the whole text ' * 40}\n", ""),
        ("License: two\n        lines\n", "two lines"),
        ("", ""),
    ],
)
def test_licenses(store, stored, lines: str, expected: str) -> None:
    (package,) = contents(store, stored(dist("six", "1", more=lines)))
    assert package.license == expected


@pytest.mark.parametrize(
    "metadata", ["", "Name: ../x\nVersion: 1\n", "Name: x\nVersion: new\n", "\xff"]
)
def test_records_that_tell_nothing_are_no_packages(store, stored, metadata: str) -> None:
    image = stored(
        {f"{SITE}/bad-1.dist-info/METADATA": metadata.encode("latin-1"), **dist("six", "1")}
    )
    assert told(contents(store, image)) == [("six", "1", 0)]


def test_the_second_time_is_from_the_stores_memory(store, stored) -> None:
    image = stored(dist("six", "1"), {"var/lib/dpkg/status": status("git=1")})
    first = contents(store, image)
    for layer in image.layers:
        store.blob_path(layer.descriptor.digest).unlink()
    assert contents(store, image) == first
    # A layer that another image had is not read again either.
    other = stored({"var/lib/dpkg/status": status("git=1")}, {"etc/motd": "hello"})
    store.blob_path(other.layers[0].descriptor.digest).unlink()
    assert told(contents(store, other)) == [("git", "1", 0)]


def test_a_damaged_memory_is_made_again(store, stored) -> None:
    image = stored(dist("six", "1"))
    first = contents(store, image)
    store.remember(contents_module._KIND, image.manifest.digest, {"packages": [{"name": "x"}]})
    cached = store.cache(listing._CACHE).get(image.layers[0].diff_id)
    assert cached
    for damage in (b"", cached.read_bytes()[:-9], b"\x1f\x8b nothing", b"[]"):
        cached.write_bytes(damage)
        assert contents(store, image) == first
        store.remember(contents_module._KIND, image.manifest.digest, {})


@pytest.mark.parametrize("name", ["../x", f"{SITE}/../../../../../../x", "x" * 5000])
def test_names_that_leave_the_root_are_refused(store, stored, name: str) -> None:
    with pytest.raises(InputError, match="hostile"):
        contents(store, stored({name: "evil"}))


def test_too_many_entries_and_too_long_records_are_refused(store, stored, monkeypatch) -> None:
    monkeypatch.setattr(listing, "_MOST_ENTRIES", 4)
    assert contents(store, stored(dict.fromkeys("abcd", ""))) == ()
    with pytest.raises(InputError, match="more than 4 entries"):
        contents(store, stored(dict.fromkeys("abcde", "")))
    monkeypatch.setattr(listing, "_MOST_TEXT", 100)
    with pytest.raises(InputError, match="package records"):
        contents(store, stored({"var/lib/dpkg/status": "x" * 101}))
    monkeypatch.setattr(listing, "_MOST_TEXTS", 150)
    layers = [{"var/lib/dpkg/status": "x" * 90}, {"var/lib/dpkg/status": "y" * 90}]
    with pytest.raises(InputError, match="package records"):
        contents(store, stored(*layers))


def test_a_layer_that_is_no_archive_is_refused(store, stored) -> None:
    whole = handmade.tar_of({"a": "x" * 600, "b": "y"})
    with pytest.raises(InputError, match=r"reading (layer|a tar archive)"):
        contents(store, stored(whole[:1024] + b"garbage" * 100 + bytes(1024 + 324)))


def test_names_that_are_not_utf_8(store, stored) -> None:
    name = b"usr/share/caf\xe9".decode("utf-8", "surrogateescape")
    out = io.BytesIO()
    with tarfile.open(
        fileobj=out, mode="w", format=tarfile.GNU_FORMAT, errors="surrogateescape"
    ) as tar:
        for path, data in (
            (name, b"x" * 5),
            ("var/lib/dpkg/status", status("cafe=1").encode()),
            ("var/lib/dpkg/info/cafe.list", b"/usr/share/caf\xe9\n"),
        ):
            info = tarfile.TarInfo(path)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    image = stored(out.getvalue())
    assert [p.size for p in contents(store, image)] == [5]
