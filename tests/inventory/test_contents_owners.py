"""Who owns a path."""

from __future__ import annotations

from handmade import SITE, dist, image_of, link, status

from stackyard.inventory.owners import Owned, owner
from stackyard.oci.image import StoredImage
from stackyard.oci.tar import Kind


def image(store) -> StoredImage:
    return image_of(
        store,
        {
            "usr/lib": None,
            "lib": link("usr/lib"),
            "usr/lib/libc.so": "c" * 100,
            "usr/bin/python3.11": "elf",
            "usr/bin/python3": link("python3.11"),
            "usr/bin/broken": link("/nowhere"),
            "var/lib/dpkg/status": status("libc6=2", "other=1"),
            "var/lib/dpkg/info/libc6.list": "/.\n/lib\n/lib/libc.so\n",
            "var/lib/dpkg/info/other.list": "/lib/libc.so\n",
        },
        dist("numpy", "1.0", numpy__core="x" * 50, numpy__more="y"),
        {"etc/motd": "hello", f"{SITE}/numpy/extra.so": "z" * 20},
        {f"{SITE}/numpy/core.py": "patched"},
        {"etc/.wh.motd": ""},
    )


def names(owned: Owned | None) -> list[tuple[str | None, int, int, int]]:
    assert owned
    return [(s.package.name if s.package else None, s.layer, s.files, s.size) for s in owned.shares]


def test_a_file_of_packages_by_either_of_its_names(store) -> None:
    for path in ("/usr/lib/libc.so", "lib/libc.so", "/lib/../lib/./libc.so"):
        found = owner(store, image(store), path)
        assert sorted(names(found)) == [("libc6", 0, 1, 100), ("other", 0, 1, 100)]
        assert found
        assert (found.path, found.kind, found.layer) == ("usr/lib/libc.so", Kind.FILE, 0)


def test_a_packages_file_that_an_upper_layer_changed(store) -> None:
    found = owner(store, image(store), f"/{SITE}/numpy/core.py")
    assert names(found) == [("numpy", 3, 1, len("patched"))]
    assert found
    (share,) = found.shares
    assert share.package
    assert share.package.layer == 1


def test_a_file_of_no_package_and_none_at_all(store) -> None:
    made = image(store)
    assert names(owner(store, made, f"{SITE}/numpy/extra.so")) == [(None, 2, 1, 20)]
    assert owner(store, made, "/etc/motd") is None, "an upper layer removed it"
    assert owner(store, made, "/usr/lib/libc.so/x") is None


def test_a_directory_tells_whose_its_files_are(store) -> None:
    found = owner(store, image(store), f"/{SITE}/numpy/")
    assert names(found) == [(None, 2, 1, 20), ("numpy", 3, 1, 7), ("numpy", 1, 1, 1)]
    whole = owner(store, image(store), "/")
    assert whole
    assert sum(share.files for share in whole.shares) == 13 + 1  # libc.so has two owners


def test_links(store) -> None:
    made = image(store)
    found = owner(store, made, "/usr/bin/python3")
    assert found
    assert (found.kind, found.target, found.leads_to) == (
        Kind.SYMLINK,
        "python3.11",
        "usr/bin/python3.11",
    )
    broken = owner(store, made, "/usr/bin/broken")
    assert broken
    assert (broken.target, broken.leads_to) == ("/nowhere", None)
