"""The command line itself: help, exit codes, streams, misspelt words."""

from __future__ import annotations

import json
import os
import subprocess

import jsonschema
import pytest
from yard import COMMAND, STACK, Yard, parse_yaml

from stackyard.cli.main import VERBS


def test_help_names_verbs_and_exit_codes(yard: Yard) -> None:
    for word in ("--help", "-h"):
        done = yard.run(word)
        assert all(verb in done.out for verb in VERBS)
        assert "Exit codes: 0 done, 1 a result that is a failure, 2 wrong input" in done.out
        assert done.err == ""


@pytest.mark.parametrize("verb", VERBS)
def test_each_verb_has_help_with_exit_codes(yard: Yard, verb: str) -> None:
    done = yard.run(verb, "--help")
    assert done.out.startswith("Usage: ")
    assert f" {verb} " in done.lines[0]
    assert "Exit codes:" in done.out


def test_no_word_at_all_shows_help(yard: Yard) -> None:
    done = yard.run(code=2)
    assert "Usage:" in done.out + done.err


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["biuld"], "Did you mean 'build'?"),
        (["plan", "--jsno"], "--json"),
        (["build", "--jobs", "0"], "--jobs"),
        (["build", "--jobs", "many"], "--jobs"),
        (["build", "--load", "rkt"], "rkt"),
        (["profiles", "--format", "valeus"], "valeus"),
        (["lock", "pandas"], "stackyard lock --upgrade pandas"),
        (["build", "--output", "zip:here"], "say oci:DIR or docker-archive:FILE"),
        (["build", "--output", "oci:"], "say oci:DIR or docker-archive:FILE"),
    ],
)
def test_misspelt_words(yard: Yard, words: list[str], told: str) -> None:
    done = yard.run(*words, code=2)
    assert done.out == ""
    assert told in done.err


@pytest.mark.parametrize("verb", ["lock", "plan", "build", "push", "profiles"])
def test_a_missing_or_broken_stack_file(yard: Yard, verb: str) -> None:
    text = yard.fail(verb, "-f", "nowhere.yaml", code=2)
    assert "nowhere.yaml" in text
    assert "hint: " in text
    yard.change("layers: [left]", "lyers: [left]")
    text = yard.fail(verb, code=2)
    line = STACK.splitlines().index("  left: {layers: [left]}") + 1
    assert f"stackyard.yaml:{line}" in text
    assert "layers" in text


def test_a_folder_instead_of_a_stack_file(yard: Yard) -> None:
    assert "hint: " in yard.fail("plan", "-f", ".", code=2)


def test_a_store_that_cannot_be(yard: Yard) -> None:
    text = yard.fail("lock", "--store", "/proc/nowhere", code=3)
    assert "/proc/nowhere" in text
    assert "motd" in yard.fail("lock", "--store", "motd/store", code=3)
    assert yard.run("lock", "--store", "motd", code=2).err


def test_output_that_nobody_reads(built: Yard) -> None:
    pipe, write = os.pipe()
    os.close(pipe)
    try:
        for words in (["plan", "--json"], ["plan"], ["schema"], ["profiles"], ["build"]):
            with built.start(*words, stdout=write) as process:
                _, err = process.communicate(timeout=30)
            assert err.replace("nothing to do: everything is in the store\n", "") == "", words
            assert process.returncode == 3
    finally:
        os.close(write)


def test_output_to_a_full_device(built: Yard) -> None:
    with open("/dev/full", "w") as full:  # noqa: PTH123 - a device
        for words in (["schema"], ["plan", "--json"]):
            with built.start(*words, stdout=full) as process:
                _, err = process.communicate(timeout=30)
            assert process.returncode == 3
            assert "No space left on device" in err
            assert "Traceback" not in err


def test_init_writes_a_file_that_loads_and_fits_the_schema(yard: Yard) -> None:
    folder = yard.root / "new" / "deep"
    done = yard.run("init", folder)
    assert done.lines == [
        f"wrote {folder}/stackyard.yaml; next: stackyard lock, then stackyard build"
    ]
    schema = json.loads(yard.run("schema").out)
    jsonschema.Draft202012Validator.check_schema(schema)
    document = parse_yaml((folder / "stackyard.yaml").read_text())
    jsonschema.validate(document, schema)
    assert "has no lock yet" in yard.fail("plan", "-f", folder / "stackyard.yaml", code=2)
    before = (folder / "stackyard.yaml").read_text()
    assert "is there already" in yard.fail("init", folder, code=2)
    assert (folder / "stackyard.yaml").read_text() == before
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**document, "lyers": {}}, schema)


def test_init_where_it_cannot_write(yard: Yard) -> None:
    assert yard.fail("init", "/proc/here", code=3)
    (yard.root / "link").mkdir()
    (yard.root / "link" / "stackyard.yaml").symlink_to("../elsewhere.yaml")
    assert "is there already" in yard.fail("init", "link", code=2)
    assert not (yard.root / "elsewhere.yaml").exists()


def test_nothing_but_text_when_piped(locked: Yard) -> None:
    done = locked.run("plan", env={"TERM": "xterm-256color"})
    built = locked.run("build", "top", env={"TERM": "xterm-256color"})
    for text in (done.out, done.err, built.out, built.err):
        assert "\x1b" not in text
        assert "\r" not in text


def test_a_terminal_gets_live_lines(locked: Yard) -> None:
    ours, theirs = os.openpty()
    with locked.start("build", "top", stderr=theirs, env={"TERM": "xterm"}) as process:
        os.close(theirs)
        process.wait(60)
        seen = b""
        while True:
            try:
                piece = os.read(ours, 1 << 16)
            except OSError:
                break
            seen += piece
    os.close(ours)
    assert process.returncode == 0
    assert b"\x1b" in seen
    assert b"image     top:default" in seen
    assert b"steps built in" in seen


def test_help_is_quick_and_loads_nothing_heavy() -> None:
    code = (
        "import sys; sys.argv = ['stackyard', '--help']\n"
        "try:\n import stackyard.cli.main as m; m.main()\n"
        "finally: print([h for h in ('pydantic', 'httpx', 'rich', 'jinja2', 'ruamel.yaml') "
        "if h in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run(
        [COMMAND[0], "-c", code], capture_output=True, text=True, timeout=30, check=True
    )
    assert done.stderr == "[]\n"
