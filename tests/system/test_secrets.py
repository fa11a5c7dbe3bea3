from __future__ import annotations

import itertools
import os
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stackyard.errors import InputError
from stackyard.system.secrets import Secrets, SecretSource, read_secrets, variable_of

KEY = b"-----BEGIN KEY-----\nMIIEvQIBADANBgkq\n}\nhkiG9w0BAQEF\n-----END KEY-----\n"


@pytest.mark.parametrize(
    ("text", "name", "source"),
    [
        ("id=a,src=/x", "a", SecretSource(Path("/x"))),
        ("src=x=y,id=a", "a", SecretSource(Path("x=y"))),
        ("id=a,source=x", "a", SecretSource(Path("x"))),
        ("id=a,type=file,src=x", "a", SecretSource(Path("x"))),
        ("id=a,env=V", "a", SecretSource(variable="V")),
        ("id=a,type=env,env=V", "a", SecretSource(variable="V")),
        ("type=env,id=a,src=V", "a", SecretSource(variable="V")),
    ],
)
def test_what_docker_build_takes(text: str, name: str, source: SecretSource) -> None:
    assert SecretSource.parse(text) == (name, source)


@pytest.mark.parametrize(
    "text",
    ["", "a", "id=a", "src=x", "id=,src=x", "id=a,src=", "id=a,env=", "id=a,src=x,env=V",
     "id=a,src=x,source=y", "id=a,src=x,mode=0400", "id=a,type=ssh,src=x", "id=a,type=env",
     "id=a;src=x"],
)  # fmt: skip
def test_what_is_not_understood(text: str) -> None:
    with pytest.raises(InputError) as caught:
        SecretSource.parse(text)
    assert caught.value.message == f"--secret {text} is not understood"
    assert caught.value.hint == "say id=NAME,src=FILE or id=NAME,env=VARIABLE"


def test_values_come_as_they_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "f").write_bytes(b"\0\xff\n")
    monkeypatch.setitem(os.environb, b"V", b"\xfe x")
    monkeypatch.setenv("STACKYARD_SECRET_A_B_C_1", "own")
    given = {"f": SecretSource(tmp_path / "f"), "v": SecretSource(variable="V")}
    needed = {"f": "layer a", "v": "layer b", "a.B-c_1": "layer c"}
    assert read_secrets(needed, given).values == {
        "f": b"\0\xff\n",
        "v": b"\xfe x",
        "a.B-c_1": b"own",
    }
    assert read_secrets({}, given).values == {}


def test_what_is_given_wins_over_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "f").write_text("file")
    monkeypatch.setenv(variable_of("k"), "variable")
    given = {"k": SecretSource(tmp_path / "f")}
    assert read_secrets({"k": "layer a"}, given).values == {"k": b"file"}


@pytest.mark.parametrize(
    ("source", "told", "hint"),
    [
        (None, "layer a needs the secret k, which is not given", "or set STACKYARD_SECRET_K"),
        (SecretSource(variable="NOT_SET"), "the secret k: the environment has no variable", "set"),
        (SecretSource(Path("missing")), "missing: No such file or directory", "id=k,src=FILE"),
        (SecretSource(Path("folder")), "folder: Is a directory", "id=k,src=FILE"),
        (SecretSource(Path("empty")), "the secret k, which layer a needs, is empty", None),
        (SecretSource(Path("blank")), "the secret k, which layer a needs, is empty", None),
        (SecretSource(Path("large")), "large has more than 1048576 bytes", None),
        (SecretSource(Path("/dev/zero")), "/dev/zero has more than 1048576 bytes", None),
    ],
)
def test_what_is_no_value(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    source: SecretSource | None,
    told: str,
    hint: str | None,
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("folder").mkdir()
    for name, size in (("empty", 0), ("large", (1 << 20) + 1), ("just", 1 << 20)):
        Path(name).write_bytes(b"x" * size)
    Path("blank").write_bytes(b" \n\t")
    with pytest.raises(InputError) as caught:
        read_secrets({"k": "layer a"}, {"k": source} if source else {})
    assert told in caught.value.message
    assert hint is None or hint in (caught.value.hint or "")
    assert len(read_secrets({"k": "x"}, {"k": SecretSource(Path("just"))}).values["k"]) == 1 << 20


def test_files_that_only_we_can_read(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        paths = Secrets({"b": b"1", "../a": b"2\n"}).write(tmp_path / "s")
    finally:
        os.umask(before)
    assert {name: path.read_bytes() for name, path in paths.items()} == {"b": b"1", "../a": b"2\n"}
    assert {path.parent for path in paths.values()} == {tmp_path / "s"}
    assert stat.S_IMODE((tmp_path / "s").stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in paths.values()} == {0o600}


def test_values_are_not_shown_by_chance() -> None:
    assert "hunter22" not in repr(Secrets({"k": b"hunter22"}))


def test_only_some() -> None:
    secrets = Secrets({"a": b"1", "b": b"2"})
    assert secrets.only(("b", "c")).values == {"b": b"2"}


@pytest.mark.parametrize(
    ("value", "text", "shown"),
    [
        (b"hunter22\n", "password hunter22, hunter22!", "password ***, ***!"),
        (b"ab", "ab c", "*** c"),
        (b"  padded  ", "x=padded", "x=***"),
        ("pä$$w\\'ört".encode(), "pä$$w\\'ört", "***"),
        (b"\xff\xfebinary!", b"\xff\xfebinary!".decode("utf-8", "replace"), "***"),
        (b"a\x0cb", "it is a\x0cb", "it is ***"),
        ("geh\u2028eim".encode(), "geh\u2028eim", "***"),
        (b"user\r\npa55\r\n", "user pa55", "*** ***"),
        (KEY, "MIIEvQIBADANBgkq", "***"),
        (KEY, "  -----BEGIN KEY-----  ", "  ***  "),
        (KEY, "{a}", "{a}"),
        (b"", "text", "text"),
        (b"\n\n", "a\nb", "a\nb"),
    ],
)
def test_masked(value: bytes, text: str, shown: str) -> None:
    assert Secrets({"k": value}).masked(text) == shown


def test_the_longer_value_is_masked_first() -> None:
    secrets = Secrets({"a": b"abcd", "b": b"abcdefgh"})
    assert secrets.masked("abcdefgh abcdef") == "*** ***ef"


def test_what_is_looked_for_in_layers() -> None:
    secrets = Secrets({"short": b"1234567", "long": b" 12345678\n", "key": KEY})
    assert secrets.found_in(b"1234567") is None
    assert secrets.found_in(b"x12345678x") == "long"
    assert secrets.found_in(b"> " + KEY.strip()) == "key"
    assert Secrets().found_in(b"12345678") is None


@given(st.binary(max_size=40), st.lists(st.integers(0, 60), max_size=6), st.integers(8, 16))
def test_a_value_is_found_however_it_is_cut(before: bytes, cuts: list[int], size: int) -> None:
    value = bytes(range(65, 65 + size))
    data = before + value + b"after"
    at = sorted({0, len(data), *(min(cut, len(data)) for cut in cuts)})
    pieces = [data[start:end] for start, end in itertools.pairwise(at)]
    found: set[str] = set()
    secrets = Secrets({"k": value, "other": b"z" * 30})
    assert b"".join(secrets.watched(iter(pieces), found.add)) == data
    assert found == {"k"}
    assert list(Secrets().watched(iter(pieces), found.add)) == pieces


def test_pieces_that_only_look_alike() -> None:
    found: list[str] = []
    secrets = Secrets({"k": b"12345678"})
    list(secrets.watched(iter([b"1234", b"x", b"5678", b"1234567", b"", b"7"]), found.append))
    assert found == []
