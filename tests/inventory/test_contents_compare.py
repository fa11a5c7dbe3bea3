"""What differs between two images, and where their layers come from."""

from __future__ import annotations

import json
import zlib

import pytest
from handmade import dist, image_of, status, tar_of

from stackyard.inventory.compare import Change, compare
from stackyard.inventory.origin import Origin, origin
from stackyard.oci.descriptor import LAYER_GZIP, MANIFEST, Descriptor
from stackyard.oci.documents import canonical
from stackyard.oci.image import History, StoredImage, read_image
from stackyard.oci.store import Store

BASE = {"var/lib/dpkg/status": status("git=1", "less=5")}


def test_packages_and_bytes(store) -> None:
    before = image_of(store, BASE, dist("numpy", "1.0"), dist("six", "1"), {"a": "a"})
    after = image_of(
        store,
        BASE,
        dist("numpy", "1.0"),
        dist("pandas", "2"),
        {"a": "a"},
        {"var/lib/dpkg/status": status("git=2", "git:i386=1", "less=5")},
    )
    found = compare(store, before, after)
    assert found.changes == (
        Change("deb", "git", ("1",), ("1", "2")),
        Change("pypi", "pandas", (), ("2",)),
        Change("pypi", "six", ("1",), ()),
    )
    assert (found.shared_chain, found.layers) == (2, 5)
    # The layer in the place of another is new; one that only moved up is held.
    assert found.new_layers == (2, 4)
    config, *layers = blobs(store, after)
    assert found.pulled == config + layers[2] + layers[4]
    assert found.total == config + sum(layers)


def test_an_image_and_itself(store) -> None:
    image = image_of(store, BASE)
    found = compare(store, image, image)
    assert (found.changes, found.pulled, found.new_layers, found.shared_chain) == ((), 0, (), 1)


def test_nothing_in_common(store) -> None:
    found = compare(store, image_of(store, BASE), image_of(store, dist("six", "1"), BASE))
    assert found.shared_chain == 0
    assert found.new_layers == (0,)
    assert [change.name for change in found.changes] == ["six"]


def test_a_layer_that_is_compressed_otherwise_is_held_only_where_it_is_unpacked(store) -> None:
    before = image_of(store, BASE, {"a": "a"}, {"b": "b"})
    after = recompressed(store, image_of(store, BASE, {"x": "x"}, {"b": "b"}), 0, 2)
    found = compare(store, before, after)
    assert found.shared_chain == 1
    assert found.new_layers == (1, 2)


def recompressed(store: Store, image: StoredImage, *indexes: int) -> StoredImage:
    """The same image with some layers as other blobs."""
    document = json.loads(store.read(image.manifest.digest))
    contents = {0: BASE, 2: {"b": "b"}}
    for index in indexes:
        compressor = zlib.compressobj(0, zlib.DEFLATED, 31)
        blob = compressor.compress(tar_of(contents[index])) + compressor.flush()
        document["layers"][index] = store.put(blob, LAYER_GZIP).to_json()
    return read_image(store, store.put(canonical(document), MANIFEST))


def blobs(store: Store, image: StoredImage) -> list[int]:
    document = json.loads(store.read(image.manifest.digest))
    config = Descriptor.from_json(document["config"]).size
    return [config, *(layer.descriptor.size for layer in image.layers)]


@pytest.mark.parametrize(
    ("created_by", "comment", "expected"),
    [
        (
            "stackyard packages ml: statsmodels: statsmodels==0.14",
            "layers: ml",
            Origin("packages", "ml: statsmodels", ("ml",), "statsmodels==0.14"),
        ),
        (
            "stackyard packages geo+ml: joblib==1 six==2",
            "layers: geo ml",
            Origin("packages", "geo+ml", ("geo", "ml"), "joblib==1 six==2"),
        ),
        (
            "stackyard files base: files: /etc/motd /etc/a: b",
            "layers: base",
            Origin("files", "base: files", ("base",), "/etc/motd /etc/a: b"),
        ),
        (
            "stackyard run campus: `echo a: b`",
            "layers: campus",
            Origin("run", "campus", ("campus",), "`echo a: b`"),
        ),
        ("stackyard run campus: ", "layers: campus", Origin("run", "campus", ("campus",), "")),
        (
            "debian bookworm with git less",
            "stackyard",
            Origin("base", "debian bookworm", (), "git less"),
        ),
        ("rootfs base.tar", "stackyard", Origin("base", "rootfs base.tar")),
        ("/bin/sh -c #(nop) ADD file:1 in / ", "", Origin("", "ADD file:1 in /")),
        (
            "RUN /bin/sh -c apt-get update   && x # buildkit",
            "buildkit.dockerfile.v0",
            Origin("", "apt-get update && x"),
        ),
        ("RUN |1 A=b /bin/sh -c make # buildkit", "", Origin("", "make")),
        ("/bin/bash -c mamba install x", "", Origin("", "mamba install x")),
        ("stackyard run x: somebody else's", "", Origin("", "stackyard run x: somebody else's")),
        ("", "", Origin("", "")),
    ],
)
def test_where_a_layer_comes_from(created_by: str, comment: str, expected: Origin) -> None:
    assert origin(History(created_by, comment)) == expected
