"""What is wrong with a request for a Debian base is said before anything is done."""

from __future__ import annotations

import platform

import pytest

from stackyard.errors import InputError, OutsideError
from stackyard.system import machine


def test_an_unknown_suite_with_the_nearest(bring) -> None:
    with pytest.raises(InputError) as raised:
        bring("debian", "bokworm")
    assert raised.value.hint == "write bookworm"
    with pytest.raises(InputError, match="jammy"):
        bring("debian", "jammy")


@pytest.mark.parametrize("name", ["--help", "a,b", "Git", "?essential", "x ", "", "../x"])
def test_what_is_no_package_name(bring, name: str) -> None:
    with pytest.raises(InputError, match="not the name"):
        bring("debian", "bookworm", apt=[name])


def test_an_architecture_that_debian_bases_are_not_made_for(bring) -> None:
    with pytest.raises(InputError, match="linux/riscv64"):
        bring("debian", "bookworm", platform="linux/riscv64")


def test_a_foreign_architecture_without_qemu(bring, monkeypatch, tmp_path) -> None:
    monkeypatch.setattr(machine, "_BINFMT", tmp_path)
    foreign = "arm64" if platform.machine() == "x86_64" else "amd64"
    with pytest.raises(OutsideError, match=f"cannot run {foreign}") as raised:
        bring("debian", "bookworm", platform=f"linux/{foreign}")
    assert "qemu-user-static" in raised.value.hint


def test_a_missing_mmdebstrap(bring, monkeypatch, tmp_path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(OutsideError, match="mmdebstrap is not installed") as raised:
        bring("debian", "bookworm")
    assert "apt-get install mmdebstrap" in raised.value.hint
