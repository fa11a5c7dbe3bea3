from __future__ import annotations

from collections.abc import Callable

import pytest

from stackyard.stack.values import BaseSource, Containerfile, Stack

Loaded = Callable[..., Stack]
Refused = Callable[..., str]

C = {"C": "ARG BASE_IMAGE\nFROM $BASE_IMAGE\n", "layers/run/run.sh": "true\n"}


def layer(text: str, name: str = "b") -> str:
    return f"layers:\n  {name}: {{from: debian:12, {text}}}\nimages: {{i: {{layers: [{name}]}}}}\n"


def test_all_of_a_layer(loaded: Loaded) -> None:
    text = layer(
        "apt: git, containerfile: C, args: {A: 1.10, B: '{{ variant }}'}, run: [a, b], finish: c,"
        " cache: [/opt/cache/, /opt//cache, /var/x], secrets: [k, k, a.B-c_1]"
    )
    made = loaded(text, C).variants["default"].layers["b"]
    assert made.apt == ("git",)
    assert made.containerfile == Containerfile("C", C["C"], args={"A": "1.10", "B": "default"})
    assert (made.run, made.script, made.finish) == (("a", "b"), None, ("c",))
    assert (made.cache, made.secrets) == (("/opt/cache", "/var/x"), ("k", "a.B-c_1"))


@pytest.mark.parametrize(
    ("written", "snapshot"),
    [
        ("20260115T123456Z", "20260115T123456Z"),
        ("2026-01-15", "20260115T000000Z"),
        ("'{{ 2026 }}-01-15'", "20260115T000000Z"),
    ],
)
def test_snapshots(loaded: Loaded, written: str, snapshot: str) -> None:
    text = (
        f"layers: {{b: {{from: {{debian: bookworm, snapshot: {written}}}}}}}\n"
        "images: {i: {layers: b}}\n"
    )
    base = loaded(text).variants["default"].layers["b"].base
    assert base == BaseSource("debian", "bookworm", snapshot)
    assert str(base) == f"debian bookworm at {snapshot}"


@pytest.mark.parametrize(
    ("base", "told"),
    [
        ("{debian: bookworm, snapshot: 2026-02-30}", "from.snapshot: found '2026-02-30', expected"),
        ("{debian: bookworm, snapshot: 20261315T000000Z}", "expected a time such as 20260115T0000"),
        ("{debian: bookworm, snapshot: 20260115T006000Z}", "or a date such as 2026-01-15"),
        ("{debian: bookworm, snapshot: ../x}", "expected a time"),
        ("{debian: bookworm, snapshot: \u0662026-01-15}", "expected a time"),
        ("{debian: bookworm, snapshot: }", "expected a time"),
        ("{snapshot: 2026-01-15}", "expected exactly one of debian, rootfs, oci, or a reference"),
        ("{oci: ., snapshot: 2026-01-15}", "a snapshot is of a Debian suite: give debian"),
        ("{registry: x, snapshot: 2026-01-15}", "a snapshot is of a Debian suite: give debian"),
        ("{debian: bookworm, oci: ., snapshot: 2026-01-15}", "expected exactly one of"),
    ],
)
def test_what_is_no_snapshot(refused: Refused, base: str, told: str) -> None:
    text = f"layers:\n  b:\n    from: {base}\nimages: {{i: {{layers: b}}}}\n"
    message = refused(text)
    assert "stackyard.yaml:3: layers.b.from" in message
    assert told in message


@pytest.mark.parametrize(
    ("keys", "told"),
    [
        ("args: {A: b}", "layers.b.args: build arguments are for a containerfile, and there is no"),
        ("containerfile: C, args: {BASE_IMAGE: x}", "layers.b.args.BASE_IMAGE: BASE_IMAGE is what"),
        ("containerfile: C, args: {A-B: x}", "expected a build argument's name"),
        ("containerfile: C, args: {'--x': x}", "expected a build argument's name"),
        ("containerfile: C, args: {A: }", "layers.b.args.A: found nothing, expected text"),
        ("containerfile: C, args: [A]", "layers.b.args: found a list, expected a mapping"),
        ("cache: /x", "layers.b.cache: it is for run, run.sh and finish, and there is none"),
        ("cache: /x, containerfile: C", "in a Containerfile write RUN --mount=type=cache,target="),
        ("secrets: x", "layers.b.secrets: they are for run, run.sh, finish and containerfile, and"),
        ("folder: 1", "layers.b.folder: '1' is not there"),
    ],
)
def test_what_does_not_go_together(refused: Refused, keys: str, told: str) -> None:
    message = refused(layer(keys), C)
    assert "stackyard.yaml:2: " in message
    assert told in message


@pytest.mark.parametrize("step", ["run: a", "finish: a"])
def test_what_may_have_caches_and_secrets(loaded: Loaded, step: str) -> None:
    made = loaded(layer(f"{step}, cache: /x, secrets: y")).variants["default"].layers["b"]
    assert (made.cache, made.secrets) == (("/x",), ("y",))


def test_a_script_and_a_containerfile_may_have_them_too(loaded: Loaded) -> None:
    made = loaded(layer("cache: /x, secrets: y", "run"), C).variants["default"].layers["run"]
    assert (made.script, made.cache) == ("layers/run/run.sh", ("/x",))
    assert loaded(layer("containerfile: C, secrets: y"), C).variants["default"].layers["b"].secrets


@pytest.mark.parametrize(
    "path",
    ["x", "", "/", "//", "/.", "./x", "/a/../b", "/..", "~", "/proc", "/proc/self", "/sys/", "/dev",
     "/dev/shm", "//proc", "/./proc", "/a,target=/b", "/a b", "/a\\tb", "/$HOME", "/a:b", "/a'",
     "/a\\u0000", "/ä"],
)  # fmt: skip
def test_what_is_no_place_for_a_cache(refused: Refused, path: str) -> None:
    message = refused(layer(f'run: a, cache: ["{path}"]'))
    assert "layers.b.cache[0]: found " in message
    assert "expected an absolute path such as /var/cache" in message


@pytest.mark.parametrize(
    "name",
    ["", ".", "..", "../x", "a/b", "-x", "_x", "a,src=/etc/shadow", "a b", "a=b", "ä", "a" * 64],
)  # fmt: skip
def test_what_is_no_name_of_a_secret(refused: Refused, name: str) -> None:
    message = refused(layer(f'run: a, secrets: ["{name}"]'))
    assert "layers.b.secrets[0]: found " in message
    assert "expected a secret's name" in message


def test_quoted_values_in_commands(loaded: Loaded) -> None:
    text = "vars: {x: \"a'; id; '\"}\n" + layer("run: ['echo {{ x | quote }}']")
    [command] = loaded(text).variants["default"].layers["b"].run
    assert command == "echo 'a'\"'\"'; id; '\"'\"''"


def test_parent_is_a_word_of_templates(refused: Refused) -> None:
    assert "found 'parent', expected a variable's name" in refused(
        "vars: {parent: x}\n" + layer("")
    )


def test_a_containerfile_that_is_wrong_still_has_secrets(refused: Refused) -> None:
    layer = "{from: debian:12, containerfile: C, secrets: [token]}"
    text = f"layers: {{b: {layer}}}\nimages: {{i: {{layers: b}}}}\n"
    message = refused(text, {"C": "FROM debian:12\n"})
    assert "last stage" in message
    assert "secrets" not in message
