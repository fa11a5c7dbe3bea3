"""What is in images: targets, layouts, archives, registries; and what differs between two."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from handmade import image_of, status
from yard import STACK, Yard

from stackyard.oci.export import write_layout
from stackyard.oci.image import History, RuntimeConfig
from stackyard.oci.store import Store

NAME = "127.0.0.1:1/hub/both:default"


def foreign(yard: Yard, *layers, **more) -> str:
    """A layout by somebody else, as an argument."""
    store = Store.open(yard.root.parent / "foreign")
    write_layout(store, {"it": image_of(store, *layers, **more).manifest}, yard.root / "foreign")
    return "oci:foreign"


def test_a_target_for_people(built: Yard) -> None:
    done = built.run("inspect", "both")
    facts = {line[:11].strip(): line[12:] for line in done.lines[: done.lines.index("")]}
    assert facts["image"] == "both:default, a target of the stack file"
    assert facts["platform"] == "linux/amd64"
    assert facts["digest"] == built.digests()["both:default linux/amd64"]
    assert facts["user"] == "1000:100"
    assert facts["cmd"] == "app"
    assert "LANG" in facts["env"].split()
    assert facts["layers"] == "base top left right"
    rows = [line.split() for line in done.lines[done.lines.index("") + 1 :]]
    assert rows[0] == ["layer", "step", "name", "needed", "by", "size", "unpacked", "deb", "pypi"]
    assert rows[1][:4] == ["0", "base", "rootfs", "base.tar"]
    named = {" ".join(row[1:3]) for row in rows[2:-1]}
    assert {"accounts jovyan", "packages top", "packages left+right", "files top:"} <= named
    assert done.lines[-1].endswith("packages: 2 Debian, 5 Python")
    assert done.err == ""


def test_a_target_for_programs(built: Yard) -> None:
    found = built.run("inspect", "both:default", "--json").json
    assert found["digest"] == built.digests()["both:default linux/amd64"]
    assert (found["image"], found["source"]) == ("both:default", "target")
    assert found["config"]["cmd"] == ["app"]
    assert found["labels"]["io.stackyard.layers"] == "base top left right"
    manifest = built.manifest(found["digest"])
    assert [x["digest"] for x in found["layers"]] == [x["digest"] for x in manifest["layers"]]
    assert [x["size"] for x in found["layers"]] == [x["size"] for x in manifest["layers"]]
    assert found["size"] == sum(x["size"] for x in manifest["layers"])
    by_layer = {
        package["name"]: found["layers"][package["layer"]]["name"]
        for package in found["packages"]
        if package["kind"] == "pypi"
    }
    assert by_layer == {
        "app": "top",
        "core": "top",
        "lefty": "left",
        "righty": "right",
        "shared": "left+right",
    }
    assert all(package["size"] for package in found["packages"] if package["kind"] == "pypi")


def test_every_package(built: Yard) -> None:
    lines = built.run("inspect", "top", "--packages").lines
    start = next(i for i, line in enumerate(lines) if line.startswith("kind"))
    assert [line.split()[:3] for line in lines[start + 1 :]] == [
        ["deb", "libc6", "2.36-9"],
        ["deb", lines[start + 2].split()[1], lines[start + 2].split()[2]],
        ["pypi", "app", "1.0"],
        ["pypi", "core", "1.0"],
    ]


def test_who_owns_a_path(built: Yard) -> None:
    assert "no package" in built.run("inspect", "top", "--owner", "/etc/motd").lines[-1]
    assert "files top: files" in built.run("inspect", "top", "--owner", "/etc/motd").out
    assert "nobody's" in built.run("inspect", "top", "--owner", "/etc/missing").out
    everything = built.run("inspect", "both", "--owner", "/usr/local", "--json").json
    owners = {o["package"]["name"]: o["layer_name"] for o in everything["owners"] if o["package"]}
    assert owners["shared"] == "packages left+right"
    assert owners["core"] == "packages top"
    link = built.run("inspect", "top", "--owner", "usr/bin/python3", "--json").json
    assert link["kind"] == "symlink"
    assert link["leads_to"].startswith("/usr/bin/python3.")
    assert (
        "leads to /usr/bin/python3."
        in built.run("inspect", "top", "--owner", "/usr/lib/../bin/python3").out
    )


def test_what_differs(built: Yard) -> None:
    done = built.run("inspect", "left", "--diff", "both")
    assert ["added", "pypi", "righty", "1.0"] in [line.split() for line in done.lines]
    assert "packages: 1 added, 0 removed, 0 changed" in done.lines
    found = built.run("inspect", "both", "--diff", "left", "--json").json
    assert [(c["name"], c["before"], c["after"]) for c in found["packages"]] == [
        ("righty", ["1.0"], [])
    ]
    digests = built.digests()
    before, after = (
        built.manifest(digests[f"{name}:default linux/amd64"]) for name in ("both", "left")
    )
    held = {blob["digest"] for blob in (before["config"], *before["layers"])}
    blobs = [after["config"], *after["layers"]]
    assert found["pulled"] == sum(b["size"] for b in blobs if b["digest"] not in held)
    assert found["total"] == sum(b["size"] for b in blobs)
    same = built.run("inspect", "left", "--diff", "left")
    assert "pulls 0 B of" in same.out


def test_layouts_and_archives_are_the_target(built: Yard) -> None:
    built.run("build", "both", "left", "-o", "oci:out")
    built.run("build", "both", "left", "-o", "docker-archive:out.tar")
    shutil.make_archive(str(built.root / "packed"), "gztar", built.root / "out")
    fresh = built.root.parent / "fresh"
    target = built.run("inspect", "both", "--json").json
    for image, same in (
        (f"oci:out:{NAME}", "digest"),
        (f"oci-archive:packed.tar.gz:{NAME}", "digest"),
        (f"docker-archive:out.tar:{NAME}", "packages"),
    ):
        found = built.run("inspect", image, "--json", store=fresh).json
        assert found[same] == target[same]
        assert found["packages"] == target["packages"]
        assert found["source"] == image.partition(":")[0]
        assert [x["diff_id"] for x in found["layers"]] == [x["diff_id"] for x in target["layers"]]
    told = built.fail("inspect", "oci:out", code=2)
    assert "there are 2 images" in told
    assert f"name one of: {NAME}" in told
    archived = built.run("inspect", "left", "--diff", f"docker-archive:out.tar:{NAME}")
    assert "not compressed here" in archived.out
    assert "added" in archived.out


def test_the_second_time_reads_no_layer(built: Yard) -> None:
    first = built.run("inspect", "both", "--json").out
    for layer in built.manifest(built.digests()["both:default linux/amd64"])["layers"]:
        path = built.store / "blobs" / "sha256" / layer["digest"].removeprefix("sha256:")
        path.write_bytes(bytes(path.stat().st_size))
    assert built.run("inspect", "both", "--json").out == first


def test_a_foreign_image_whose_words_would_steer_a_terminal(built: Yard) -> None:
    image = foreign(
        built,
        {"var/lib/dpkg/status": status("git=1"), "etc/\x1b[31mx": "x"},
        history=(History("/bin/sh -c #(nop) ADD \x1b]0;owned\x07 in / " + "long " * 50),),
        config=RuntimeConfig(env={"A\x1b[0m": "secret value"}, cmd=("sh\x1b[2J",)),
    )
    done = built.run("inspect", image)
    assert "\x1b" not in done.out + done.err
    assert "\x07" not in done.out
    assert "secret value" not in done.out
    assert "ADD ?]0;owned? in / long" in done.out
    assert max(map(len, done.lines)) < 160
    assert "\x1b" not in built.run("inspect", image, "--owner", "/etc/\x1b[31mx").out
    assert "secret value" not in built.run("inspect", image, "--json").out


def test_which_image_is_meant(built: Yard) -> None:
    """A target's name is a target; any other bare word is a reference."""
    nowhere = {"HTTPS_PROXY": "http://127.0.0.1:9", "NO_PROXY": ""}
    done = built.run("inspect", "bothh", code=3, env=nowhere)
    assert "pulling docker.io/library/bothh:latest (linux/" in done.err
    assert "no target of stackyard.yaml is named bothh either" in done.err
    done = built.run("inspect", "127.0.0.1:9/both", code=3, env=nowhere)
    assert "pulling 127.0.0.1:9/both:latest" in done.err
    assert "no target" not in done.err
    (built.root / "stackyard.yaml").unlink()
    done = built.run("inspect", "both", code=3, env=nowhere)
    assert "pulling docker.io/library/both:latest" in done.err
    assert "stackyard.yaml" in built.fail("inspect", "both", "-f", "stackyard.yaml", code=2)


def test_a_target_of_several_variants_and_platforms(yard: Yard) -> None:
    yard.stack(STACK + "platforms: [linux/arm64, linux/amd64]\nvariants: {one: {}, two: {}}\n")
    yard.run("lock")
    yard.run("build", "top")
    assert yard.run("inspect", "top", "--json", "--platform", "linux/arm64").json["platform"] == (
        "linux/arm64"
    )
    assert yard.run("inspect", "top", "--json").json["image"] == "top:one"
    assert yard.run("inspect", "top:two", "--json").json["image"] == "top:two"
    assert "linux/s390x" in yard.fail("inspect", "top", "--platform", "linux/s390x", code=2)


def test_a_target_that_is_not_built(locked: Yard) -> None:
    told = locked.fail("inspect", "both", code=2)
    assert "both:default (linux/amd64) is not built as the stack file has it now" in told
    assert "stackyard build both:default" in told
    assert NAME in told


@pytest.mark.parametrize(
    ("words", "code", "expected"),
    [
        (["oci:nowhere"], 2, "nowhere is not an OCI image layout"),
        (["docker-archive:nowhere.tar"], 2, "nowhere.tar: there is no such file"),
        (["oci-archive:motd"], 2, "motd: it is no tar archive"),
        (["docker-archive:base.tar"], 2, "it is no docker-archive"),
        (["acme/Hub"], 2, "not an image reference"),
        (["127.0.0.1:9/x", "--platform", "linux"], 2, "not a platform"),
        (["both", "--diff", "left", "--packages"], 2, "does not go with"),
        (["both", "--diff", "left", "--owner", "/etc"], 2, "does not go with"),
        ([], 2, "IMAGE"),
    ],
)
def test_wrong_input(built: Yard, words: list[str], code: int, expected: str) -> None:
    assert expected in built.fail("inspect", *words, code=code)


def test_an_image_for_another_platform(built: Yard) -> None:
    told = built.fail("inspect", foreign(built, {"a": "a"}), "--platform", "linux/s390x", code=2)
    assert "there is no image for linux/s390x" in told
    assert "it has images for: linux/amd64" in told


def test_a_layout_whose_blob_is_missing_damaged_or_hostile(built: Yard) -> None:
    image = foreign(built, {"../../evil": "x"})
    told = built.fail("inspect", image, code=2)
    assert "leaves the root" in told
    assert "hostile" in told
    layout = built.root / "foreign"
    manifest = json.loads((layout / "index.json").read_text())["manifests"][0]["digest"]
    path = layout / "blobs" / "sha256" / manifest.removeprefix("sha256:")
    layer = json.loads(path.read_text())["layers"][0]["digest"]
    blob = path.with_name(layer.removeprefix("sha256:"))
    fresh = built.root.parent / "fresh"
    blob.unlink()
    told = built.fail("inspect", image, code=2, store=fresh)
    assert f"foreign: broken image layout: blobs/sha256/{blob.name}: it is missing" in told
    blob.write_bytes(b"damaged")
    told = built.fail("inspect", image, code=2, store=fresh)
    assert "its content is not what its digest and size say" in told
    assert "hint: make the image layout again" in told


def test_a_blob_that_the_store_lost(built: Yard) -> None:
    manifest = built.manifest(built.digests()["both:default linux/amd64"])
    shutil.rmtree(built.store / "memo" / "unpacked", ignore_errors=True)
    Path(built.store / "blobs" / "sha256" / manifest["layers"][1]["digest"][7:]).unlink()
    assert "is not built" in built.fail("inspect", "both", code=2)
