from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from stackyard.stack.values import Stack

TOP = "layers: {{b: {{from: debian:12, apt: {apt}}}}}\nimages: {{i: {{layers: b}}}}\n"


@pytest.mark.parametrize(
    "name",
    [
        "git",
        "g++",
        "libstdc++6",
        "python3.11",
        "git=1:2.39.5-0+deb12u2",
        "git:arm64",
        "git:arm64=1.0~rc1",
        "git/bookworm-backports",
        "libc6:any",
    ],
)
def test_names_that_apt_get_takes(loaded: Callable[..., Stack], name: str) -> None:
    stack = loaded(TOP.format(apt=f"['{name}', '{name}']"), {"layers/b/apt.txt": f"{name}  # x\n"})
    assert stack.variants["default"].layers["b"].apt == (name,)


WRONG = [
    "-y", "--allow-unauthenticated", "git-", "git:amd64-", "git=1-", "g", "Git", "git curl",
    "git;id", "$(id)", "`id`", "git=", "git/", "git=1/x", "git=$(id)", "git*", "task^", "./x.deb",
    "/x.deb", "https://example.org/x.deb", "git\u00fc", "~ndoc", "?name(x)", "a" * 300,
]  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_what_is_no_name_of_a_package(refused: Callable[..., str], name: str) -> None:
    assert "stackyard.yaml:1: layers.b.apt[0]: found " in refused(TOP.format(apt=f'["{name}"]'))
    message = refused(TOP.format(apt="[]"), {"layers/b/apt.txt": f"# x\n\ngit\n{name}\n"})
    assert "layers/b/apt.txt:4: reading Debian packages: found " in message
    assert "expected a Debian package such as git" in message


def test_several_on_a_line_are_told_how_to_be_written(refused: Callable[..., str]) -> None:
    message = refused(TOP.format(apt="[]"), {"layers/b/apt.txt": "git curl\n"})
    assert message.endswith("hint: write one package a line")


@pytest.mark.parametrize(
    ("data", "line", "told"),
    [
        (b"git\n\xff\n", ":2", "it is not UTF-8"),
        (b"git\n" * (1 << 19), "", "it is larger than 1048576 bytes"),
        (b"git\n\ngi\0t\n", ":3", "it holds a zero byte"),
    ],
)
def test_a_file_that_is_no_text(
    refused: Callable[..., str], tmp_path: Path, data: bytes, line: str, told: str
) -> None:
    path = tmp_path / "layers/b/apt.txt"
    path.parent.mkdir(parents=True)
    path.write_bytes(data)
    assert f"layers/b/apt.txt{line}: reading Debian packages: {told}" in refused(
        TOP.format(apt="[]")
    )


def test_a_file_of_another_editor(loaded: Callable[..., Stack], tmp_path: Path) -> None:
    path = tmp_path / "layers/b/apt.txt"
    path.parent.mkdir(parents=True)
    path.write_bytes("\ufeffgit\r\n  curl # c\r\n#tini\r\n\r\n".encode())
    assert loaded(TOP.format(apt="wget")).variants["default"].layers["b"].apt == (
        "wget", "git", "curl",
    )  # fmt: skip
