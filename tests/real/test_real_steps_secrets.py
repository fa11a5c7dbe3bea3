"""Secrets: read by steps, and nowhere to be found afterwards."""

from __future__ import annotations

import base64
import gzip
import zlib
from pathlib import Path

import pytest
from realengines import Docker
from realyard import Yard
from stepyard import Steps, building, command_lines, images, write

pytestmark = pytest.mark.real

VALUE = "correct-horse-battery-staple"
STACK = """
layers:
  base: {from: {rootfs: root.tar}}
  asks:
    on: base
    secrets: [api-token, other]
    args: {PLAIN: argument}
    containerfile: own/Dockerfile
    run:
      - 'cat /run/secrets/api-token; echo "again $(cat /run/secrets/api-token)" >&2'
      - 'ls /run/secrets > /names; stat -c %a /run/secrets/api-token > /mode; sleep 1.31'
images:
  asks: {layers: [asks]}
"""
DOCKERFILE = """\
ARG B
FROM $B
RUN --mount=type=secret,id=api-token,target=/tmp/t cat /tmp/t && test -e /tmp/t
RUN test ! -e /run/secrets/api-token
"""
LEAK = """
layers:
  base: {from: {rootfs: root.tar}}
  leak: {on: base, secrets: [api-token], containerfile: own/Dockerfile}
images:
  leak: {layers: [leak]}
"""
LEAKS = {
    "file": "RUN --mount=type=secret,id=api-token cp /run/secrets/api-token /kept",
    "within": "RUN --mount=type=secret,id=api-token"
    " dd if=/dev/zero of=/big bs=1000 count=999; cat /run/secrets/api-token >> /big",
    "name": "RUN --mount=type=secret,id=api-token touch /is-$(cat /run/secrets/api-token)",
    "passing": "RUN --mount=type=secret,id=api-token cp /run/secrets/api-token /kept\nRUN rm /kept",
}


@pytest.fixture(scope="module", params=["buildah", "docker"])
def engine(request: pytest.FixtureRequest) -> dict[str, str]:
    """Each engine, as the environment chooses it."""
    env = {"STACKYARD_ENGINE": request.param}
    if request.param == "docker":
        docker: Docker = request.getfixturevalue("docker")
        env |= docker.env
    return env


def held(folder: Path, value: str) -> list[Path]:
    """Files that hold a value, as it is, in base64, or compressed."""
    needles = [value.encode(), base64.b64encode(value.encode())]
    found = []
    for path in folder.rglob("*"):
        if path.is_file() and not path.is_symlink():
            data = path.read_bytes()
            if data[:2] == b"\x1f\x8b":
                try:
                    data += gzip.decompress(data)
                except (EOFError, zlib.error):
                    data += zlib.decompressobj(31).decompress(data)
            if any(needle in data for needle in needles):
                found.append(path)
    return found


def test_a_secret_is_read_and_seen_nowhere(steps: Steps, engine: dict[str, str]) -> None:
    name = f"secrets-{engine['STACKYARD_ENGINE']}"
    files = {"own/Dockerfile": DOCKERFILE, "token": f"{VALUE}\n"}
    yard = steps.yard(name, STACK, files, store=f"{name}-store")
    words = ("--secret", "id=api-token,src=token")
    seen: set[str] = set()
    with building(yard, f"{yard.store}/", *words, STACKYARD_SECRET_OTHER="x", **engine) as build:
        while build.process.poll() is None:
            seen.update(line for _, line in command_lines())
        assert build.end() == 0, build.told
    assert any("build --" in line for line in seen)
    assert not [line for line in seen if VALUE in line]
    assert VALUE not in build.told

    image = images(yard, "layout")["asks:default"]
    assert image.text("names").split() == ["api-token", "other"]
    assert image.text("mode") == "400"
    (yard.folder / "token").unlink()
    assert held(yard.store, VALUE) == held(yard.folder, VALUE) == []
    logs = {path.name.rpartition("-")[0]: path.read_text() for path in logs_of(yard)}
    assert "again ***" in logs["asks-run"]
    assert "***" in logs["asks-containerfile"]


def logs_of(yard: Yard) -> list[Path]:
    return sorted((yard.store / "logs").iterdir())


def test_a_secret_in_the_image_is_refused(steps: Steps) -> None:
    text = "layers:\n  base: {from: {rootfs: root.tar}}\n" + "".join(
        f"  {name}: {{on: base, secrets: [api-token], containerfile: {name}/Dockerfile}}\n"
        for name in LEAKS
    )
    text += "images:\n" + "".join(f"  {name}: {{layers: [{name}]}}\n" for name in LEAKS)
    files = {f"{n}/Dockerfile": f"ARG B\nFROM $B\n{lines}\n" for n, lines in LEAKS.items()}
    yard = steps.yard("leaks", text, files, store="leaks-store")
    env = {"STACKYARD_SECRET_API_TOKEN": VALUE}
    told = yard.run("build", exits=2, **env).stderr
    for name, where in {"file": "/kept", "within": "/big", "name": "/is-***"}.items():
        what = "containerfile: the value of the secret api-token is in the layer, in"
        assert f"  layer {name}: {what} {where}\n" in told
    # One layer comes of it, and what is gone at the end is not in that.
    image = images(yard, "layout", "passing")["passing:default"]
    assert "kept" not in image.files
    assert VALUE not in told
    assert held(yard.store, VALUE) == []


def test_secrets_that_are_not_there(steps: Steps) -> None:
    yard = steps.yard("no-secret", LEAK, {"own/Dockerfile": "ARG B\nFROM $B\n"})
    told = yard.run("build", exits=2).stderr
    assert "layer leak needs the secret api-token, which is not given" in told
    assert "--secret id=api-token,src=FILE, or set STACKYARD_SECRET_API_TOKEN" in told
    assert (
        "nothing/here"
        in yard.run("build", "--secret", "id=api-token,src=nothing/here", exits=2).stderr
    )
    told = yard.run("build", "--secret", "id=api-tokem,env=HOME", exits=2).stderr
    assert "--secret api-tokem: no layer has a secret of this name" in told
    assert "api-token" in told.partition("hint")[2]
    write(yard, "empty", "\n")
    assert "is empty" in yard.run("build", "--secret", "id=api-token,src=empty", exits=2).stderr
