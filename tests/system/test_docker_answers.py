"""What docker prints and saves, also by versions that are not installed here."""

from __future__ import annotations

import gzip
import io
import tarfile
from pathlib import Path

import pytest

from stackyard.errors import InputError, OutsideError, StackyardError
from stackyard.oci.digest import hex_of, sha256
from stackyard.system.docker_archive import take_layers
from stackyard.system.docker_errors import explained
from stackyard.system.engine import CommandFailed

NEWER = """
 > [stage-1 2/3] RUN make all:
0.4 make: *** No rule to make target 'all'.  Stop.
------
Containerfile:3
--------------------
   3 | >>> RUN make all
--------------------
ERROR: failed to build: failed to solve: """


@pytest.mark.parametrize(
    ("verdict", "kind", "message"),
    [
        (
            'process "/bin/sh -c make all" did not complete successfully: exit code: 2',
            CommandFailed,
            "RUN make all: ended with exit status 2",
        ),
        (
            "failed to compute cache key: failed to calculate checksum of ref a::b:"
            ' "/missing": not found',
            InputError,
            "RUN make all: .*not found",
        ),
        (
            "docker.io/library/x:1: failed to resolve source metadata for docker.io/library/x:1:"
            " docker.io/library/x:1: not found",
            OutsideError,
            "library/x:1",
        ),
        ("failed to copy: write /x: no space left on device", OutsideError, "no space left"),
        ("rpc error: code = Unavailable desc = error reading", OutsideError, "does not answer"),
        ("dockerfile parse error on line 3: unknown instruction: FOO", InputError, "line 3"),
    ],
)
def test_verdicts_of_newer_versions(verdict: str, kind: type[StackyardError], message: str) -> None:
    lines = [*(NEWER + verdict).splitlines(), "", "View build details: docker-desktop://x"]
    with pytest.raises(kind, match=message) as caught:
        raise explained("build", 1, lines)
    assert type(caught.value) is kind


def test_a_client_that_is_killed() -> None:
    with pytest.raises(OutsideError, match="signal 9"):
        raise explained("build", -9, [])


def layer(name: str) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        archive.addfile(tarfile.TarInfo(name))
    return out.getvalue()


BASE, ONE, TWO = layer("base"), layer("one"), layer("two")


def saved(files: dict[str, bytes], links: dict[str, str] | None = None) -> io.BytesIO:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
        for name, target in (links or {}).items():
            info = tarfile.TarInfo(name)
            info.type, info.linkname = tarfile.SYMTYPE, target
            archive.addfile(info)
    out.seek(0)
    return out


@pytest.mark.parametrize(
    "archive",
    [
        # Until version 24; a layer that an image has twice is a link.
        saved(
            {f"{i}/layer.tar": data for i, data in enumerate((BASE, ONE, TWO))}
            | {"0/VERSION": b"1.0", "manifest.json": b"[]"},
            {"3/layer.tar": "../1/layer.tar"},
        ),
        # Since 25, an image layout; where containerd keeps the images, as they are there.
        saved({f"blobs/sha256/{hex_of(sha256(data))}": data for data in (ONE, BASE, TWO, b"{}")}),
        saved(
            {f"blobs/sha256/{i}": gzip.compress(data) for i, data in enumerate((TWO, BASE, ONE))}
            | {"blobs/sha256/9": b"\x28\xb5\x2f\xfd, which is not read", "index.json": b"{}"}
        ),
    ],
)
def test_layers_of_a_saved_image(archive: io.BytesIO, tmp_path: Path) -> None:
    wanted, known = {sha256(ONE), sha256(TWO)}, {sha256(BASE)}
    found = take_layers(archive, wanted, known, tmp_path)
    assert {digest: path.read_bytes() for digest, path in found.items()} == {
        sha256(ONE): ONE,
        sha256(TWO): TWO,
    }


def test_a_wanted_layer_that_the_parent_has_as_well(tmp_path: Path) -> None:
    found = take_layers(saved({"a": ONE}), {sha256(ONE)}, {sha256(ONE)}, tmp_path)
    assert found.keys() == {sha256(ONE)}


@pytest.mark.parametrize(
    ("data", "message"),
    [(saved({"a": BASE}).getvalue(), "lacks the layer"), (b"x" * 1024, "what docker saved")],
)
def test_an_archive_that_is_not_what_it_should_be(
    data: bytes, message: str, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=message):
        take_layers(io.BytesIO(data), {sha256(ONE)}, set(), tmp_path)
