"""What is wrong with a request for a Debian base is said before anything is done."""

from __future__ import annotations

import platform

import pytest

from stackyard.errors import InputError, OutsideError
from stackyard.oci.descriptor import Platform
from stackyard.stack.values import BaseSource
from stackyard.system import debian, machine
from stackyard.system.prepared import Request


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


@pytest.mark.parametrize(
    ("snapshot", "told"),
    [
        ("2026-01-15", "no moment"),
        ("20261315T000000Z", "no moment"),
        ("20260115T000000Z/../..", "no moment"),
        ("20260115T000000Z\ndeb http://evil x main", "no moment"),
        ("99991231T000000Z", "in the future"),
    ],
)
def test_what_is_no_snapshot(root, snapshot: str, told: str) -> None:
    source = BaseSource("debian", "bookworm", snapshot)
    with pytest.raises(InputError, match=told) as raised:
        debian.key(Request(source, Platform("linux", "amd64"), (), root, None))
    assert "UTC" in raised.value.hint


def test_bases_made_before_there_were_snapshots_are_found_again(root) -> None:
    def key(snapshot: str) -> str:
        source = BaseSource("debian", "bookworm", snapshot)
        return debian.key(Request(source, Platform("linux", "amd64"), ("git",), root, None))

    assert key("") == "e1ee567e73b880beac36644068a60ff594f5a9ee233b64fd6b52d14508b51c3b"
    assert len({key(""), key("20260115T000000Z"), key("20260116T000000Z")}) == 3


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
