"""Which images of a repository go, and deleting them, in docker's registry on loopback."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

sys.path.insert(0, str(Path(__file__).parent))

import registryserver
from hypothesis import given
from hypothesis import strategies as st
from repositories import REPOSITORY, START, Repository
from yard import Yard

from stackyard.build.keys import key_of
from stackyard.errors import OutsideError
from stackyard.oci.artifact import artifact
from stackyard.oci.descriptor import INDEX, LAYER_GZIP, MANIFEST
from stackyard.oci.registry.client import Registry
from stackyard.oci.registry.push import push
from stackyard.oci.registry.referrers import fallback_tag
from stackyard.oci.store import Store
from stackyard.publish.dates import note_published
from stackyard.publish.inuse import used_by
from stackyard.publish.retention import delete
from stackyard.publish.shelf import freed
from stackyard.publish.tagnames import telling_patterns
from stackyard.publish.tags import base_tag
from stackyard.stack.load import load
from stackyard.stack.values import Stack

FILE = """\
registry: 127.0.0.1:1/hub
variants: {py311: {}, py313: {}}
layers: {base: {from: {debian: trixie}}}
images: {geo: {layers: [base]}}
"""


@pytest.fixture
def deleting(tmp_path: Path) -> Iterator[str]:
    with registryserver.serve(tmp_path, delete=True) as host:
        yield host


@pytest.fixture
def stack(tmp_path: Path) -> Stack:
    (tmp_path / "stackyard.yaml").write_text(FILE)
    return load(tmp_path / "stackyard.yaml")


@pytest.fixture
def place(deleting: str, tmp_path: Path) -> Iterator[Repository]:
    made = Repository(deleting, Store.open(tmp_path / "store"))
    yield made
    made.client.close()


@pytest.mark.real
def test_the_last_of_each_variant_stay(place: Repository, stack: Stack) -> None:
    old = [place.edition(f"old{n}", f"py311-2026-01-0{n + 1}") for n in range(3)]
    new = [place.edition(f"new{n}") for n in range(2)]
    other = [place.edition(f"other{n}", variant="py313") for n in range(2)]
    attached = {f(place.digest(tag)) for tag in old for f in (fallback_tag, signature)}
    gone = place.prune(stack)
    assert gone == {*old, *attached, *(f"py311-2026-01-0{n + 1}" for n in range(3))}
    assert {*new, *other, "py311", "py313"} <= {*place.tags}


def signature(digest: str) -> str:
    return f"{fallback_tag(digest)}.sig"


@pytest.mark.real
def test_what_is_named_stays(place: Repository, stack: Stack) -> None:
    names = ("hand", "moving", "planned", "used", "pinned", "gone")
    tags = {name: place.edition(name) for name in names}
    place.edition("newest")
    for tag, name in (("production", "hand"), ("latest", "moving")):
        found, data = place.client.manifest(REPOSITORY, tags[name])
        place.client.put_manifest(REPOSITORY, tag, data, found.media_type)
    pinned = place.digest(tags["pinned"])
    text = f"image: {{name: x/hub/geo, tag: '{tags['used']}'}}\nother: x/hub/geo@{pinned}\n"
    used = used_by("values.yaml", text, {"x/hub/geo"}).words
    gone = place.prune(stack, 1, planned={tags["planned"]}, used=used)
    assert tags["gone"] in gone
    assert not gone & {tags[name] for name in names[:-1]}


@pytest.mark.real
def test_an_index_goes_with_its_images(place: Repository, stack: Stack) -> None:
    both = ("amd64", "arm64")
    old = place.edition("old", platforms=both)
    children = json.loads(place.client.manifest(REPOSITORY, old)[1])["manifests"]
    new = place.edition("new", platforms=both)
    before = len(place.tags)
    gone = place.prune(stack, 1)
    assert old in gone
    # The index, its two images, what is attached to it: both tags.
    assert len(gone) == 5
    assert new in place.tags
    assert len(place.tags) == before - 5
    for child in children:
        assert place.client.exists(REPOSITORY, child["digest"]) is None


@pytest.mark.real
def test_a_base_goes_with_the_last_that_stands_on_it(place: Repository, stack: Stack) -> None:
    place.edition("one", base="old")
    two = place.edition("two", base="old")
    place.edition("three", base="new")
    old, new = (base_tag(key_of("base", name=name)) for name in ("old", "new"))
    assert old not in place.prune(stack, 2)
    assert old in place.prune(stack, 1)
    assert new in place.tags
    assert two not in place.tags


@pytest.mark.real
def test_without_a_date_it_stays_and_is_told(place: Repository, stack: Stack) -> None:
    undated = place.edition("undated", dated=False)
    old = place.edition("old", "py311-2025-12-01", dated=False)
    recorded = place.edition("recorded")  # on 4 January
    later = place.edition("later", "py311-2026-02-01", dated=False)
    place.edition("newest")  # on 6 January, with the tag that moves
    outcome = place.find(stack, 1)
    assert outcome.undated == (undated,)
    gone = place.prune(stack, 1)
    assert {old, "py311-2025-12-01", recorded} <= gone
    assert not {undated, later, "py311-2026-02-01"} & gone
    assert place.find(stack, 1, planned={undated}).undated == ()


@pytest.mark.real
def test_what_others_keep_there_stays(place: Repository, stack: Stack) -> None:
    place.edition("ours")
    theirs = place.image("", "")
    hand = ("v1-0123456789ab", "py311-2020-01-01", "production", "py39-abcdefabcdef")
    for tag in hand:
        place.push(theirs, tag)
    place.attach(theirs, "theirs")
    other = artifact(
        place.store, subject=theirs, artifact_type="a/b", data=b"x", media_type="a/b", name="x"
    )
    push(place.client, place.store, other, REPOSITORY, ["chart"])
    before = set(place.tags)
    gone = place.prune(stack, 0)
    assert not gone & {*hand, "chart", fallback_tag(theirs.digest), signature(theirs.digest)}
    assert gone == set()
    assert set(place.tags) == before


@pytest.mark.real
def test_what_is_left_of_a_deletion_that_was_killed(place: Repository, stack: Stack) -> None:
    old = place.edition("old", base="old")
    place.edition("new", base="new")
    full = place.find(stack, 1)
    first, *rest = full.leaving
    assert old in first.tags
    delete(full, first)
    gone = place.prune(stack, 1)
    assert gone == {tag for entry in rest for tag in entry.tags}
    assert base_tag(key_of("base", name="old")) in gone


@pytest.mark.real
def test_bytes_are_counted_once(place: Repository, stack: Stack) -> None:
    place.edition("one")
    place.edition("two")
    place.edition("three")
    outcome = place.find(stack, 1)
    sizes = freed([e.version for e in outcome.leaving], outcome.staying)
    images = [e.version for e in outcome.leaving if e.kind == "image"]
    assert len(images) == 2
    shared = place.store.put(f"{key_of('base', name='b')}-amd64".encode(), LAYER_GZIP)
    for version in images:
        own = {d: s for d, s in version.blobs.items() if d != shared.digest}
        assert sizes[version.digest] == version.size + sum(own.values())
        assert shared.digest in version.blobs


@pytest.mark.real
def test_a_tag_that_somebody_moves_meanwhile(place: Repository, stack: Stack) -> None:
    old = place.edition("old")
    place.edition("new")
    found, data = place.client.manifest(REPOSITORY, old)
    place.client.put_manifest(REPOSITORY, "rollback", data, found.media_type)
    assert not place.find(stack, 1).leaving


@pytest.mark.real
def test_deletion_is_switched_off(registry: str, tmp_path: Path, stack: Stack) -> None:
    place = Repository(registry, Store.open(tmp_path / "store"))
    for name in ("a", "b"):
        place.edition(name)
    before = place.tags
    outcome = place.find(stack, 1)
    with pytest.raises(OutsideError) as caught:
        delete(outcome, outcome.leaving[0])
    told = str(caught.value)
    assert "answered 405 (UNSUPPORTED: The operation is unsupported" in told
    assert "REGISTRY_STORAGE_DELETE_ENABLED=true" in told
    assert place.tags == before
    place.client.close()


@pytest.mark.parametrize(
    ("tag", "telling"),
    [
        ("py311-2026-01-02", True),
        ("py39-2026-01-02", True),
        ("py311-git-0123456789ab", True),
        ("py311-python-3.11.9", True),
        ("py311-jupyterlab-4.4.0rc1", True),
        ("py311-bookworm", True),
        ("py311", False),
        ("py311-stable", False),
        ("latest", False),
        ("2026-01-02", False),
        ("semester-2026-01-02", False),
        ("py311-git-main", False),
        ("py311-python-", False),
    ],
)
def test_tags_that_tell(stack: Stack, tag: str, telling: bool) -> None:
    patterns = telling_patterns(stack, {"py39"})
    assert any(pattern.fullmatch(tag) for pattern in patterns) is telling


def test_templates_that_do_more(tmp_path: Path) -> None:
    (tmp_path / "stackyard.yaml").write_text(
        FILE + 'vars: {site: "a+b"}\n'
        "tags: ['{{ site }}-{{ date }}', '{{ date | upper }}', '{% if commit %}x{% endif %}', rc]\n"
    )
    patterns = [p.pattern for p in telling_patterns(load(tmp_path / "stackyard.yaml"), ())]
    assert patterns == [r"(?:a\-b)\-(?:\d{4}-\d{2}-\d{2})", "rc"]


@given(st.sampled_from(["{}", "[{}]", "'{}'", '"{}"', "# {}", "\\n{}\\n", "a: |\n  b: {}\n"]))
def test_a_reference_is_found_wherever_it_stands(form: str) -> None:
    digest = f"sha256:{'0a' * 32}"
    text = form.format(f"ghcr.io/acme/hub/geo:py311-0123456789ab@{digest}")
    words = used_by("f", text, {"ghcr.io/acme/hub/geo"}).words
    assert {digest, "py311-0123456789ab", "ghcr.io/acme/hub/geo"} <= words


# The command


def published_twice(yard: Yard, host: str) -> tuple[str, str]:
    """Two editions of each image, and the digest of `top` in each."""
    yard.change("registry: 127.0.0.1:1/hub", f"registry: {host}/hub")
    digests = []
    for version in ("1.0", "1.1"):
        yard.index.add("core", version)
        yard.run("lock", "--upgrade", "core")
        yard.run("push", "--no-attest")
        with Registry(host) as client:
            for number, image in enumerate(("top", "left", "both")):
                found = client.exists(f"hub/{image}", "latest")
                assert found
                moment = START + timedelta(days=len(digests), hours=number)
                store = Store.open(yard.root.parent / "records")
                note_published(client, f"hub/{image}", store, found, moment)
                if image == "top":
                    digests.append(found.digest)
    return digests[0], digests[1]


def asked(host: str, digest: str) -> int:
    address = f"http://{host}/v2/hub/top/manifests/{digest}"
    return httpx.head(address, headers={"Accept": f"{MANIFEST}, {INDEX}"}).status_code


@pytest.mark.real
def test_the_command(locked: Yard, deleting: str) -> None:
    old, new = published_twice(locked, deleting)
    prune = ("prune", "--registry")
    assert "nothing to remove" in locked.run(*prune).out
    dry = locked.run(*prune, "--keep", "1", "--dry-run")
    assert f"{deleting}/hub/top" in dry.out
    assert "2026-01-01 00:00" in dry.out
    assert asked(deleting, old) == 200
    assert "nobody can be asked" in locked.fail(*prune, "--keep", "1", code=2)
    # What a hub still offers.
    locked.write("values.yaml", f"profileList: [{{image: '{deleting}/hub/top@{old}'}}]\n")
    done = locked.run(*prune, "--keep", "1", "--yes", "--json", "--keep-used", "values.yaml")
    assert done.json["removed"] is True
    gone = {(i["repository"].rpartition("/")[2], i["kind"]) for i in done.json["items"]}
    assert gone == {(i, kind) for i in ("left", "both") for kind in ("image", "attached")}
    assert asked(deleting, old) == 200
    done = locked.run(*prune, "--keep", "0", "--yes")
    assert "when it collects garbage" in done.err
    assert asked(deleting, old) == 404
    assert asked(deleting, new) == 200
    assert "nothing to remove" in locked.run(*prune, "--keep", "0", "--yes").out
    # What the stack file has is there as it was.
    again = locked.run("push", "--no-attest", "--json", "--store", locked.root.parent / "empty")
    assert sum(e["uploaded"] for e in again.events if e["event"] == "pushed") == 0


@pytest.mark.real
def test_the_command_where_nothing_can_be_deleted(locked: Yard, registry: str) -> None:
    old, _ = published_twice(locked, registry)
    text = locked.fail("prune", "--registry", "--keep", "1", "--yes", code=3)
    assert "answered 405" in text
    assert "storage.delete.enabled: true" in text
    assert asked(registry, old) == 200


def test_a_list_that_names_nothing_of_it(locked: Yard, registry: str) -> None:
    locked.change("registry: 127.0.0.1:1/hub", f"registry: {registry}/hub")
    locked.write("other.yaml", "image: quay.io/somebody/else:1\n")
    text = locked.fail("prune", "--registry", "--keep-used", "other.yaml", code=2)
    assert f"other.yaml names no image of this stack, such as {registry}/hub/both" in text
    assert "No such file" in locked.fail("prune", "--registry", "--keep-used", "none", code=2)


def test_no_registry_to_prune(locked: Yard, tmp_path: Path) -> None:
    locked.change("registry: 127.0.0.1:1/hub\n", "")
    assert "names no registry" in locked.fail("prune", "--registry", code=2)
    (locked.root / "stackyard.yaml").unlink()
    assert "there is none here" in locked.fail("prune", "--registry", code=2)
