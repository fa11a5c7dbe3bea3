"""What the command line says of steps that need an engine, before any engine runs."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from yard import Yard

STACK = """\
registry: 127.0.0.1:1/hub
layers:
  base: {from: {rootfs: base.tar}}
  tools:
    on: base
    run: [make install]
    secrets: [token]
  file:
    on: base
    containerfile: file/Containerfile
images:
  base: {layers: base}
  tools: {layers: tools}
  file: {layers: file}
"""
FILE = "ARG BASE_IMAGE\nFROM $BASE_IMAGE\n"


@pytest.fixture(scope="module")
def lock(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("steps") / "stackyard.lock"


@pytest.fixture
def steps(yard: Yard, lock: Path) -> Yard:
    """A stack with steps, locked once for all tests."""
    yard.stack(STACK)
    yard.write("file/Containerfile", FILE)
    if not lock.is_file():
        yard.run("lock")
        shutil.copy(yard.root / "stackyard.lock", lock)
    shutil.copy(lock, yard.root / "stackyard.lock")
    return yard


@pytest.fixture
def bare(tmp_path: Path) -> dict[str, str]:
    """An environment in which there is no engine, and one secret."""
    programs = tmp_path / "programs"
    programs.mkdir()
    for name in ("setpriv", "unshare", "sh", "cat"):
        found = shutil.which(name)
        assert found, name
        (programs / name).symlink_to(found)
    return {"PATH": str(programs), "STACKYARD_SECRET_TOKEN": "hunter22"}


def test_help_names_every_option(yard: Yard) -> None:
    told = " ".join(yard.run("build", "--help").out.split())
    for option in ("--engine [buildah|docker]", "--secret id=NAME,src=FILE|env=VAR",
                   "--step-timeout SECONDS", "--keep-going / --fail-fast", "--jobs"):  # fmt: skip
        assert option in told
    for default in ("buildah, or docker where", "STACKYARD_SECRET_NAME", "3600", "--keep-going]"):
        assert default in told


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--engine", "podman"], "podman"),
        (["--step-timeout", "0"], "--step-timeout"),
        (["--step-timeout", "soon"], "soon"),
        (["--secret", "token"], "--secret token is not understood"),
        (["--secret", "id=token,src=x,env=Y"], "say id=NAME,src=FILE or id=NAME,env=VARIABLE"),
    ],
)
def test_options_that_are_wrong(steps: Yard, words: list[str], told: str) -> None:
    assert told in steps.run("build", *words, code=2).err


# Secrets


def test_a_secret_that_is_missing(steps: Yard) -> None:
    told = steps.fail("build", "tools", code=2)
    assert "layer tools needs the secret token, which is not given" in told
    assert "hint: give --secret id=token,src=FILE, or set STACKYARD_SECRET_TOKEN" in told


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("src=nowhere", "the secret token: nowhere: No such file or directory"),
        ("src=.", "the secret token: .: Is a directory"),
        ("src=empty", "the secret token, which layer tools needs, is empty"),
        ("env=NOT_SET", "the secret token: the environment has no variable NOT_SET"),
    ],
)
def test_a_secret_without_a_value(steps: Yard, source: str, told: str) -> None:
    steps.write("empty", "\n")
    assert told in steps.fail("build", "tools", "--secret", f"id=token,{source}", code=2)


def test_a_secret_that_no_layer_has(steps: Yard) -> None:
    told = steps.fail("build", "--secret", "id=tokn,src=motd", code=2)
    assert "--secret tokn: no layer has a secret of this name" in told
    assert "did you mean 'token'?" in told
    told = steps.fail("build", "--secret", "id=xyz,src=motd", code=2)
    assert "hint: known: token" in told


# Engines


@pytest.mark.parametrize(
    ("words", "told", "hint"),
    [
        ([], "this machine has none: buildah is not installed; docker: it is not installed",
         "install one: apt-get install buildah; or docker with BuildKit"),
        (["--engine", "buildah"], "the engine buildah is not installed",
         "install it: apt-get install buildah"),
        (["--engine", "docker"], "the engine docker cannot be used: it is not installed",
         "install it: apt-get install docker.io"),
    ],
)  # fmt: skip
def test_no_engine(
    steps: Yard, bare: dict[str, str], words: list[str], told: str, hint: str
) -> None:
    text = steps.fail("build", *words, code=3, env=bare)
    assert told in text
    assert f"hint: {hint}" in text
    assert "hunter22" not in text


def test_what_needs_no_engine_is_done_without_one(steps: Yard, bare: dict[str, str]) -> None:
    steps.run("build", "base", env=bare)
    assert "nothing to do" in steps.run("build", "base", "--engine", "docker", env=bare).err
    plan = steps.run("plan", env={"PATH": bare["PATH"]})
    assert "4 to build, 2 reused" in plan.out


# Containerfiles


@pytest.mark.parametrize(
    ("text", "line", "told"),
    [
        ("", "", "it has no FROM"),
        ("# nothing\nARG A\n", "", "it has no FROM"),
        (
            "FROM debian:12\n",
            ":1",
            "its last stage is FROM debian:12, not what the layer stands on",
        ),
        (FILE + "FROM scratch\n", ":3", "its last stage is FROM scratch"),
        ("\nFROM $BASE_IMAGE\n", ":2", "no ARG before the first FROM declares BASE_IMAGE"),
        (FILE + "\nRNU x\n", ":4", "unknown instruction 'RNU'"),
        (FILE + "RUN <<EOF\nx\n", ":3", "<<EOF has no end"),
    ],
)
def test_a_containerfile_that_is_wrong(steps: Yard, text: str, line: str, told: str) -> None:
    steps.write("file/Containerfile", text)
    for verb in ("plan", "build"):
        message = steps.fail(verb, code=2)
        assert f"file/Containerfile{line}: " in message
        assert told in message
        assert "hint: " in message


def test_a_containerfile_that_is_missing(steps: Yard) -> None:
    (steps.root / "file" / "Containerfile").unlink()
    assert "file/Containerfile" in steps.fail("plan", code=2)


def test_text_that_is_no_text(steps: Yard) -> None:
    """YAML can say half of a character; nothing can be done with it."""
    steps.change("run: [make install]", 'run: ["echo \\ud800"]')
    assert "stackyard.yaml:6" in steps.fail("plan", code=2)
