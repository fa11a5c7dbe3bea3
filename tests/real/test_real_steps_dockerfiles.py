"""Stacks made of nothing but Dockerfiles, as Jupyter's own images are, by both engines."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import pytest
from realengines import Docker
from realyard import Yard
from stepyard import Entry, Image, Steps, changes, images, steps_begun, write

pytestmark = pytest.mark.real

STACK = """
layers:
  foundation: {from: {rootfs: root.tar}, containerfile: images/foundation/Dockerfile}
  base:       {on: foundation, containerfile: images/base/Dockerfile}
  left:       {on: base,       containerfile: images/left/Dockerfile, args: {SIDE: left}}
  right:      {on: base,       containerfile: images/right/Dockerfile}
images:
  base: {layers: [base]}
  left: {layers: [left]}
  right: {layers: [right]}
"""

TIMED = "RUN date +%s.%N > /began-{0} && sleep 1 && date +%s.%N > /ended-{0}\n"
FILES = {
    # The parent is one that only builds elsewhere know; here it is an argument.
    "images/foundation/Dockerfile": "ARG ROOT_IMAGE=example.org/none\nFROM $ROOT_IMAGE\n"
    + 'SHELL ["/bin/sh", "-euc"]\n'
    + "ENV PATH=/bin HOME_OF=/srv\nWORKDIR $HOME_OF\n"
    + "RUN echo foundation > who && mkdir -p /opt/old && touch /opt/old/a /opt/old/b\n",
    "images/base/Dockerfile": "ARG BASE_IMAGE=example.org/none:latest\nFROM $BASE_IMAGE\n"
    + 'LABEL maintainer="Someone <a@b>"\nUSER root\n'
    + "COPY --chmod=755 start.sh run-hooks.sh /usr/local/bin/\n"
    + "RUN cat who > below && echo base > who && ln below hard\n"
    + "RUN rm -r /opt/old && mkdir /opt/old\n"
    + 'ENTRYPOINT ["/usr/local/bin/start.sh"]\nCMD ["jupyter"]\nEXPOSE 8888\nUSER 1000\n',
    "images/base/start.sh": '#!/bin/sh\nexec "$@"\n',
    "images/base/run-hooks.sh": "#!/bin/sh\n",
    # What a layer's folder is read for by name belongs to the Dockerfile here.
    "images/base/requirements.txt": "not==a==requirement\n",
    "images/left/Dockerfile": "ARG BASE_IMAGE\nFROM $BASE_IMAGE\nARG SIDE=none\nUSER 0\n"
    + TIMED.format("left")
    + 'RUN <<EOF\necho "$SIDE $(cat who)" > side\nEOF\nCMD ["left"]\n',
    "images/right/Dockerfile": "ARG BASE_IMAGE\nFROM ${BASE_IMAGE} AS made\nUSER 0\n"
    + TIMED.format("right")
    + "RUN echo right > /made && touch /not-taken\n"
    + "FROM $BASE_IMAGE\nCOPY --from=made /made /began-right /ended-right /\n"
    + "HEALTHCHECK NONE\n",
}
PARENT = re.compile(r"STEP 1/\d+: FROM ([0-9a-f]{64})\b")


@pytest.fixture(scope="module")
def yard(steps: Steps) -> Yard:
    """The stack, built by two at a time."""
    yard = steps.yard("dockerfiles", STACK, FILES)
    yard.run("build", "--jobs", "2")
    return yard


@pytest.fixture(scope="module")
def made(yard: Yard) -> dict[str, Image]:
    return images(yard, "layout")


def log(yard: Yard, layer: str) -> str:
    (path,) = (yard.store / "logs").glob(f"{layer}-containerfile-*.log")
    return path.read_text()


def test_they_work_unchanged(made: dict[str, Image]) -> None:
    left, right = made["left:default"], made["right:default"]
    assert (left.text("srv/who"), left.text("srv/below")) == ("base", "foundation")
    assert left.text("srv/side") == "left base"
    assert right.text("made") == "right"
    assert "not-taken" not in right.files
    assert {"opt/old"} == {path for path in left.files if path.startswith("opt/old")}
    assert left.files["usr/local/bin/start.sh"].mode & 0o777 == 0o755
    config = left.config["config"]
    assert (config["User"], config["WorkingDir"]) == ("0", "/srv")
    assert (config["Entrypoint"], config["Cmd"]) == (["/usr/local/bin/start.sh"], ["left"])
    assert config["Labels"]["maintainer"] == "Someone <a@b>"
    assert "8888/tcp" in config["ExposedPorts"]
    assert right.config["config"]["User"] == "1000"
    assert right.config["config"]["Healthcheck"] == {"Test": ["NONE"]}
    assert made["base:default"].blobs == left.blobs[:-1] == right.blobs[:-1]


def test_each_gets_its_parent_by_digest(yard: Yard) -> None:
    parents = {name: PARENT.search(log(yard, name)) for name in ("foundation", "base", "left")}
    assert all(parents.values())
    assert len({found[1] for found in parents.values() if found}) == 3
    two = set(PARENT.findall(log(yard, "left"))) | set(PARENT.findall(log(yard, "right")))
    assert len(two) == 1


def times(made: Mapping[str, Image]) -> list[tuple[float, float]]:
    return [
        (float(image.text(f"began-{side}")), float(image.text(f"ended-{side}")))
        for side in ("left", "right")
        for image in [made[f"{side}:default"]]
    ]


def test_siblings_are_built_at_once(made: dict[str, Image]) -> None:
    (left, left_end), (right, right_end) = times(made)
    assert left < right_end
    assert right < left_end


def test_a_sibling_that_ends_first(steps: Steps) -> None:
    """buildah clears away nameless parents, and all that stands on them, with their last child."""
    text = """
layers:
  base: {from: {rootfs: root.tar}}
  quick: {on: base, containerfile: quick/Dockerfile}
  slow: {on: base, containerfile: slow/Dockerfile}
  same: {on: base, containerfile: same/Dockerfile}
images:
  quick: {layers: [quick]}
  same: {layers: [same]}
  slow: {layers: [slow]}
"""
    one = "ARG B\nFROM $B\nRUN sleep {0} && echo {0} > /slept\n"
    files = {"quick/Dockerfile": one.format("0"), "slow/Dockerfile": one.format("2")}
    files["same/Dockerfile"] = "ARG B\nFROM $B\n"
    yard = steps.yard("quick", text, files, store="quick-store")
    yard.run("build", "--jobs", "3")
    assert images(yard, "layout")["slow:default"].text("slept") == "2"


def test_one_job_builds_one_at_a_time(steps: Steps) -> None:
    yard = steps.yard("one-job", STACK, FILES, store="one-job-store")
    yard.run("build", "--jobs", "1")
    (left, left_end), (right, right_end) = times(images(yard, "layout"))
    assert left_end < right or right_end < left


def test_a_leaf_and_the_root(yard: Yard, made: dict[str, Image], steps: Steps) -> None:
    yard = steps.yard("changed", STACK, FILES)
    assert changes(yard) == {}
    leaf = write(yard, "images/left/Dockerfile", FILES["images/left/Dockerfile"] + "RUN true\n")
    assert set(changes(yard)) == {"containerfile left", "image left:default"}
    assert steps_begun(yard.run("build").stderr) == ["containerfile left"]
    leaf.write_text(FILES["images/left/Dockerfile"])
    assert changes(yard) == {}
    root = "images/foundation/Dockerfile"
    write(yard, root, FILES[root] + "LABEL root=changed\n")
    assert {n for n in changes(yard) if n.startswith("containerfile")} == {
        f"containerfile {name}" for name in ("foundation", "base", "left", "right")
    }


def test_docker_makes_the_same(
    yard: Yard, made: dict[str, Image], steps: Steps, docker: Docker
) -> None:
    other = steps.yard("by-docker", STACK, FILES, store="docker-store")
    other.run("build", "--engine", "docker", **docker.env)
    images_of = images(other, "layout")
    for name, image in made.items():
        assert alike(images_of[name]) == alike(image)
        configs = [x.config["config"] for x in (images_of[name], image)]
        for config in configs:
            config["Labels"] = {k: v for k, v in config["Labels"].items() if "revision" not in k}
        assert configs[0] == configs[1]
    # What one engine built the other need not build again.
    assert "nothing to do" in other.run("build", "--engine", "buildah").stderr
    write(other, "images/left/Dockerfile", FILES["images/left/Dockerfile"] + "RUN true\n")
    assert steps_begun(other.run("build", "--engine", "buildah").stderr) == ["containerfile left"]


def alike(image: Image) -> dict[str, tuple[str, int, tuple[int, int], bytes]]:
    """What must be the same whoever ran the commands: all but the times that they wrote."""
    return {path: told(path, entry) for path, entry in image.files.items()}


def told(path: str, entry: Entry) -> tuple[str, int, tuple[int, int], bytes]:
    timed = Path(path).name.startswith(("began-", "ended-"))
    return entry.kind, entry.mode, entry.owner, b"" if timed else entry.data
