from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from stackyard.inventory.debian import installed, interrupted, upstream

STATUS = """\
Package: git
Status: install ok installed
Priority: optional
Architecture: amd64
Version: 1:2.39.5-0+deb12u2
Conffiles:
 /etc/git 0123
Description: revision control
 Package: none
 .
 Status: install ok half-installed

Package: libc6
Status: install ok installed
Architecture: amd64
Version: 2.36-9

Package: libc6
Status: install ok installed
Architecture: arm64
Version: 2.36-9+b1

Package: old
Status: deinstall ok config-files
Version: 1

Package: held
Status: hold ok installed
Version:  3.0
"""


def test_installed() -> None:
    assert installed([STATUS]) == {
        "git": "1:2.39.5-0+deb12u2",
        "held": "3.0",
        "libc6": "2.36-9",
        "libc6:arm64": "2.36-9+b1",
    }
    assert list(installed([STATUS])) == sorted(installed([STATUS]))
    assert interrupted(STATUS) == ()


def test_distroless_images_keep_a_file_for_each_package() -> None:
    assert installed(["Package: b\nVersion: 2\n", "Package: a\nVersion: 1"]) == {"a": "1", "b": "2"}


@pytest.mark.parametrize(
    "text",
    ["", "\n\n\n", "Package: a\n", "Version: 1\n", "no field", "Package:\nVersion: 1\n", "\0"],
)
def test_what_is_no_record(text: str) -> None:
    assert installed([text]) == {}
    assert interrupted(text) == ()


@pytest.mark.parametrize(
    ("status", "told"),
    [
        ("install ok installed", ()),
        ("install ok unpacked", ("git is unpacked",)),
        ("install ok half-configured", ("git is half-configured",)),
        ("install reinstreq half-installed", ("git is half-installed",)),
        ("install ok triggers-pending", ("git is triggers-pending",)),
        ("install ok triggers-awaited", ("git is triggers-awaited",)),
        ("deinstall ok config-files", ()),
        ("purge ok not-installed", ()),
        ("", ()),
    ],
)
def test_interrupted(status: str, told: tuple[str, ...]) -> None:
    text = f"Package: git\nStatus: {status}\nVersion: 1\n"
    assert interrupted(text) == told
    assert ("git" in installed([text])) == status.endswith(" installed")


@pytest.mark.skipif(shutil.which("dpkg-query") is None, reason="this machine is no Debian")
def test_the_same_as_dpkg_says_of_this_machine() -> None:
    words = ["dpkg-query", "-W", "-f", "${db:Status-Status} ${Package} ${Version}\n"]
    told = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    rows = [line.split() for line in told.splitlines()]
    found = installed([Path("/var/lib/dpkg/status").read_text()])
    here = {name: version for state, name, version in rows if state == "installed"}
    assert {name: found[name] for name in here} == here
    assert {name.partition(":")[0] for name in found} == here.keys()


@pytest.mark.parametrize(
    ("version", "told"),
    [("1:2.36-9+deb12u10", "2.36"), ("2.36", "2.36"), ("1.0-rc1-2", "1.0-rc1"), ("", "")],
)
def test_upstream(version: str, told: str) -> None:
    assert upstream(version) == told
