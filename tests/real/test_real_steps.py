"""All kinds of steps in one stack, built by the default engine and read from the images."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from realyard import Yard
from stepyard import Image, Steps, changes, images, steps_begun, write

pytestmark = pytest.mark.real

STACK = """
variants:
  one: {greeting: hello one}
  two: {greeting: "it's \\"two\\" $HOME"}
layers:
  base: {from: {debian: bookworm}, apt: [python3], env: {WHERE: below}}
  tools:
    on: base
    apt: [zip]
    env: {TOOL: "a b"}
    run:
      - |
        set | grep '^TOOL=' > /run-env
        where=here
      - 'echo "${where-unset}" > /each-its-own; id -u > /who'
      - "echo {{ \\"it's\\" | quote }} > '/a \\"path'"
  grid:
    on: tools
    args: {RELEASE: "7"}
    secrets: [token]
    cache: [/var/cache/tool, /usr/share/base-files]
    run:
      - 'echo x >> /var/cache/tool/builds; wc -l < /var/cache/tool/builds > /builds'
      - 'wc -c < /run/secrets/token > /run-token-size'
  app:
    on: grid
    user: {name: jovyan, uid: 1000, gid: 100}
    pip: [humanize]
    cmd: [own]
    labels: {who: app}
    env: {WHERE: app}
    finish:
      - 'python3 -c "import humanize; print(humanize.intcomma(1234567))" > /finished'
images:
  app: {layers: [app]}
  grid: {layers: [grid], variants: [one]}
"""

CONTAINERFILE = """\
ARG EARLY=early
FROM {{ parent }} AS build
RUN mkdir /made && echo "{{ variant }}" > /made/variant && touch /only-in-build
COPY <<"EOF" /made/heredoc
$HOME stays
EOF

FROM {{ parent }}
ARG RELEASE
ARG EARLY
ENV RELEASE_IS=$RELEASE WHERE=grid
COPY --from=build /made /opt/made
COPY --chmod=0640 conf /etc/grid/
RUN <<EOF
set -e
echo "release $RELEASE early $EARLY" > /release
echo {{ greeting | quote }} > /greeting
rm /who
EOF
RUN --mount=type=secret,id=token wc -c < /run/secrets/token > /token-size
{% for n in range(2) %}
RUN echo {{ n }} > /loop-{{ n }}
{% endfor %}
LABEL who=grid org.example.variant={{ variant | quote }}
SHELL ["/bin/bash", "-c"]
HEALTHCHECK --interval=30s CMD true
WORKDIR /srv
ENTRYPOINT ["/bin/sh", "-c"]
CMD ["grid"]
USER 1234
"""

FILES = {
    "layers/tools/apt.txt": "tree  # a comment\n",
    "layers/tools/run.sh": 'test "$TOOL" = "a b"\ncp data.txt /script-data\n',
    "layers/tools/data.txt": "data\n",
    "layers/grid/Containerfile.j2": CONTAINERFILE,
    "layers/grid/.dockerignore": "**/*.ignored\nnotes\n",
    "layers/grid/conf/a": "a\n",
    "layers/grid/conf/sub/c": "c\n",
    "layers/grid/conf/b.ignored": "b\n",
    "layers/grid/notes/1": "n\n",
}
SECRET = {"STACKYARD_SECRET_TOKEN": "open-sesame-1"}


@pytest.fixture(scope="module")
def told() -> list[str]:
    return []


@pytest.fixture(scope="module")
def yard(steps: Steps, told: list[str]) -> Yard:
    yard = steps.yard("whole", STACK, FILES)
    told.append(yard.run("build", **SECRET).stderr)
    return yard


@pytest.fixture(scope="module")
def made(yard: Yard) -> dict[str, Image]:
    return images(yard, "layout")


def test_a_shared_beginning_is_built_once(yard: Yard, told: list[str]) -> None:
    begun = steps_begun(told[0])
    assert begun.count("apt tools") == begun.count("run tools") == 1
    # What a template makes of the variants differs.
    assert begun.count("containerfile grid") == begun.count("run grid") == 2
    assert begun.count("finish app") == 2


def test_apt(made: dict[str, Image]) -> None:
    image = made["app:one"]
    assert {"usr/bin/zip", "usr/bin/tree"} <= image.files.keys()
    assert "usr/bin/unzip" not in image.files, "zip only recommends it"
    for layer in image.layers:
        lists = [path for path in layer if path.startswith("var/lib/apt/lists/")]
        assert set(lists) <= {"var/lib/apt/lists/partial", "var/lib/apt/lists/auxfiles"}
        assert not [path for path in layer if path.endswith((".deb", "pkgcache.bin"))]
    # Debian's own directory for them is still there.
    assert image.files["var/lib/apt/lists"].kind == "directory"
    history = [entry.get("created_by", "") for entry in image.config["history"]]
    (apt,) = [line for line in history if "apt tools" in line]
    assert "tree=2.1" in apt
    assert "zip=3.0-" in apt


def test_run(made: dict[str, Image]) -> None:
    image = made["app:one"]
    assert image.text("run-env") == "TOOL='a b'"
    assert image.text("each-its-own") == "unset"
    assert image.text('a "path') == "it's"
    assert image.text("script-data") == "data"
    assert {made[name].text("builds") for name in ("app:one", "app:two")} == {"1", "2"}
    assert "var/cache/tool/builds" not in image.files
    assert image.text("run-token-size") == str(len(SECRET["STACKYARD_SECRET_TOKEN"]))
    # What a cache hid for a while is there again.
    assert "usr/share/base-files/motd" in image.files
    assert not [path for path in image.files if path.startswith(("run/stackyard", "run/secrets"))]


def test_containerfile(made: dict[str, Image]) -> None:
    one, two = made["app:one"], made["app:two"]
    assert (one.text("opt/made/variant"), two.text("opt/made/variant")) == ("one", "two")
    assert (one.text("greeting"), two.text("greeting")) == ("hello one", 'it\'s "two" $HOME')
    assert one.text("opt/made/heredoc") == "$HOME stays"
    assert one.text("release") == "release 7 early early"
    assert one.text("loop-1") == "1"
    assert one.text("token-size") == one.text("run-token-size")
    assert (one.text("etc/grid/a"), one.text("etc/grid/sub/c")) == ("a", "c")
    assert one.files["etc/grid/a"].mode & 0o777 == 0o640
    assert not {"etc/grid/b.ignored", "only-in-build", "who"} & one.files.keys()
    assert one.blobs[:3] == two.blobs[:3]
    assert not set(one.blobs[3:5]) & set(two.blobs)


def test_finish_and_configuration(made: dict[str, Image]) -> None:
    assert made["app:one"].text("finished") == "1,234,567"
    grid, app = made["grid:one"].config["config"], made["app:one"].config["config"]
    for config in (grid, app):
        env = dict(pair.split("=", 1) for pair in config["Env"])
        assert (env["RELEASE_IS"], env["TOOL"]) == ("7", "a b")
        assert env["WHERE"] == ("grid" if config is grid else "app")
        assert config["Entrypoint"] == ["/bin/sh", "-c"]
        assert config["Shell"] == ["/bin/bash", "-c"]
        assert config["Healthcheck"] == {"Test": ["CMD-SHELL", "true"], "Interval": 30_000_000_000}
        assert config["Labels"]["org.example.variant"] == "one"
    assert (grid["User"], grid["WorkingDir"], grid["Cmd"]) == ("1234", "/srv", ["grid"])
    assert (app["User"], app["WorkingDir"], app["Cmd"]) == ("1000:100", "/home/jovyan", ["own"])
    assert (grid["Labels"]["who"], app["Labels"]["who"]) == ("grid", "app")


def test_nothing_to_do(yard: Yard, made: dict[str, Image]) -> None:
    assert changes(yard) == {}
    # No secret is needed for what is there.
    assert "nothing to do" in yard.run("build").stderr


def touched(path: Path) -> None:
    os.utime(path, (1, 1))


def test_what_does_not_count(yard: Yard, made: dict[str, Image]) -> None:
    touched(yard.folder / "layers/grid/conf/a")
    touched(yard.folder / "layers/tools/data.txt")
    write(yard, "layers/grid/conf/b.ignored", "other\n")
    write(yard, "layers/grid/notes/2", "more\n")
    write(yard, "layers/grid/conf/new.ignored", "new\n")
    assert changes(yard) == {}


def test_what_is_built_again(yard: Yard, made: dict[str, Image]) -> None:
    write(yard, "layers/grid/conf/sub/c", "changed\n")
    found = changes(yard)
    assert found.pop("containerfile grid") == "layers/grid/conf/sub/c changed"
    assert set(found) == {"run grid", "finish app", "accounts jovyan", *targets()}
    begun = steps_begun(yard.run("build", "grid:one", **SECRET).stderr)
    assert begun == ["containerfile grid", "run grid"]
    image = images(yard, "changed", "grid:one")["grid:one"]
    assert image.text("etc/grid/sub/c") == "changed"
    assert image.text("builds") == "3", "the cache is kept"
    assert image.blobs[:3] == made["grid:one"].blobs[:3]

    (yard.folder / "layers/tools/run.sh").chmod(0o755)
    assert changes(yard)["run tools"] == "layers/tools/run.sh changed"
    (yard.folder / "layers/tools/run.sh").chmod(0o644)
    assert "run tools" not in changes(yard)
    (yard.folder / "layers/grid/conf/a").chmod(0o600)
    assert "layers/grid/conf/a changed" in changes(yard)["containerfile grid"]


def targets() -> set[str]:
    return {"image app:one", "image app:two", "image grid:one"}
